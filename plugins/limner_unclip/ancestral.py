"""Ancestral sampling, as diffusers' UnCLIPScheduler does it: DDPM over any subset of the timesteps.

Ho, Jain & Abbeel 2020 (arXiv 2006.11239), formulas 6 and 7, with the variance of Nichol & Dhariwal 2021 (arXiv 2102.09672).
"""

from __future__ import annotations

import torch

from limner_unclip.schedules import NoiseSchedule, Plan


def plan(schedule: NoiseSchedule, steps: int) -> Plan:
    """The table: every step but the last adds noise, of fixed variance or in the range the network chooses from."""
    timesteps = schedule.timesteps(steps)
    alphas, next_alphas = schedule.at(timesteps)
    beta = _betas(schedule, timesteps, alphas, next_alphas)
    noise, next_noise = 1 - alphas, 1 - next_alphas
    variance = next_noise / noise * beta
    return Plan.build(
        timesteps,
        alphas,
        x=(1 - beta) ** 0.5 * next_noise / noise,
        x0=next_alphas**0.5 * beta / noise,
        variance=variance,
        greatest_variance=beta if schedule.variance == "learned_range" else None,
    )


def _betas(schedule: NoiseSchedule, timesteps: list[int], alphas: torch.Tensor, next_alphas: torch.Tensor) -> torch.Tensor:
    """The noise that each step takes away: the schedule's own beta between neighbours, which rounds otherwise."""
    here = torch.tensor(timesteps)
    following = torch.tensor([*timesteps[1:], -1])
    return torch.where(here - following == 1, schedule.betas[here], 1 - alphas / next_alphas)
