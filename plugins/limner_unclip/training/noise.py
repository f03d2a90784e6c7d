"""The forward diffusion that every network here learns to undo, and which timesteps count how much."""

from __future__ import annotations

import numpy as np
import torch

TRAIN_STEPS = 1000


class NoiseSchedule:
    """The cosine schedule of Nichol and Dhariwal (arXiv 2102.09672), as diffusers' `squaredcos_cap_v2` tabulates it."""

    def __init__(self, device: torch.device) -> None:
        from diffusers.schedulers.scheduling_unclip import betas_for_alpha_bar

        kept = torch.cumprod(1.0 - betas_for_alpha_bar(TRAIN_STEPS).double(), dim=0)
        self._kept = kept
        self._signal = kept.sqrt().float().to(device)
        self._noise = (1 - kept).sqrt().float().to(device)

    def weights(self, *, offset: float, most: float) -> torch.Tensor:
        """What each timestep counts, (1000,); see `x0_weights`."""
        return x0_weights(self._kept, offset=offset, most=most).to(self._signal.device)

    def noised(self, clean: torch.Tensor, timesteps: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """`clean` at its timesteps (n,), each row at its own."""
        shape = (-1, *[1] * (clean.ndim - 1))
        return self._signal[timesteps].view(shape) * clean + self._noise[timesteps].view(shape) * noise


def x0_weights(kept: torch.Tensor, *, offset: float, most: float) -> torch.Tensor:
    """How much the squared error of a predicted x0 counts at each timestep, 1 on average: min(SNR + offset, most).

    `kept` is the share of the data's variance left at each timestep. Without offset this is min-SNR weighting (arXiv
    2303.09556), which falls to 0 where the noise is strong; with 1 it is the loss of v-prediction, bounded the same way.
    """
    weight = (kept / (1 - kept) + offset).clamp(max=most).float()
    return weight / weight.mean()


def draw_timesteps(rng: np.random.Generator, n: int, device: torch.device) -> torch.Tensor:
    """n timesteps, one from each n-th of the range, in random order: the loss varies less than with independent ones."""
    spread = (rng.permutation(n) + rng.random(n)) / n
    return torch.from_numpy((spread * TRAIN_STEPS).astype(np.int64)).to(device)


def draw_noise(rng: np.random.Generator, like: torch.Tensor) -> torch.Tensor:
    """Standard normal noise of a tensor's shape, from `rng` alone and the same on every device."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return torch.randn(like.shape, generator=generator).to(like.device)
