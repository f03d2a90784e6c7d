"""DPM-Solver++(2M): the second-order multistep solver of Lu et al. 2022 (arXiv 2211.01095), midpoint form, deterministic."""

from __future__ import annotations

import torch

from limner import UsageError
from limner_unclip.schedules import NoiseSchedule, Plan

LEAST_LOG_SNR = -5.1
"""λ where the solver starts. The cosine schedule goes on to -9.9, over timesteps that hold nothing but noise."""


def timesteps(schedule: NoiseSchedule, steps: int) -> list[int]:
    """`steps` timesteps, evenly spread between λ = -5.1 and 0, without 0 itself."""
    alphas = schedule.alphas_cumprod
    log_snr = 0.5 * (alphas.log() - (1 - alphas).log())
    last = int((log_snr >= LEAST_LOG_SNR).sum()) - 1
    if steps > last:
        raise UsageError(f"{steps} steps of dpm++ where {last} timesteps hold a signal", fix="ask for fewer steps")
    return [round(i * (last / steps)) for i in range(steps, 0, -1)]


def plan(schedule: NoiseSchedule, steps: int) -> Plan:
    """The table: order 1 at the first and the last step, order 2 between."""
    times = timesteps(schedule, steps)
    alphas, next_alphas = schedule.at(times)
    alpha, next_alpha = alphas**0.5, next_alphas**0.5
    sigma, next_sigma = (1 - alphas) ** 0.5, (1 - next_alphas) ** 0.5
    log_snr = alpha.log() - sigma.log()
    h = log_snr.diff(append=torch.tensor([torch.inf]))
    toward_x0 = -next_alpha * torch.expm1(-h)
    extrapolate = torch.zeros_like(h)
    extrapolate[1:-1] = 0.5 * h[1:-1] / h[:-2]
    return Plan.build(
        times,
        alphas,
        x=next_sigma / sigma,
        x0=toward_x0 * (1 + extrapolate),
        previous=-toward_x0 * extrapolate,
    )
