"""DDIM (Song, Meng & Ermon 2020, arXiv 2010.02502): deterministic for eta 0, as noisy as ancestral sampling for eta 1."""

from __future__ import annotations

from collections.abc import Sequence

from limner_unclip.schedules import NoiseSchedule, Plan


def plan(schedule: NoiseSchedule, timesteps: Sequence[int], eta: float) -> Plan:
    """The table of formula 12. The noise is derived again from the clipped data, as GLIDE does."""
    alphas, next_alphas = schedule.at(timesteps)
    variance = eta**2 * (1 - next_alphas) / (1 - alphas) * (1 - alphas / next_alphas)
    toward_noise = ((1 - next_alphas - variance).clamp(min=0) / (1 - alphas)) ** 0.5
    return Plan.build(
        timesteps,
        alphas,
        x=toward_noise,
        x0=next_alphas**0.5 - toward_noise * alphas**0.5,
        variance=variance if eta else None,
    )
