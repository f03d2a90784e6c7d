"""The last stage: the upsampler, U-Nets without a text that make a large, sharp picture of a small one (arXiv 2204.06125)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from limner_unclip.training.layout import channels_last
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.noise import NoiseSchedule, draw_noise, draw_timesteps
from limner_unclip.training.pool import Pictures
from limner_unclip.training.recipe import Upsampler
from limner_unclip.training.task import Draw

CHANNELS = 3
BLUR_REACH = 2
STAIN_SIDE = 8
EDGE_WEIGHT = 0.1
LAST_REACH = 0.2
"""The share of the timesteps, from the least noise on, that the network of the last step learns."""


class UpsamplerTask:
    """x0-prediction on crops, from small pictures made as imperfect as a decoder makes them.

    The network of the last step sees little noise and has little left to do, so it learns on that alone and can be slight.
    """

    def __init__(self, settings: Upsampler, lessons: Lessons[Pictures], small: int, device: torch.device) -> None:
        self.settings, self.lessons, self.small = settings, lessons, small
        self.schedule = NoiseSchedule(device)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            first = channels_last(new_upsampler(settings, settings.channels))
            last = channels_last(new_upsampler(settings, settings.last_channels))
        self.networks = nn.ModuleDict({"super_res_first": first, "super_res_last": last}).to(device)

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch, summed over both networks."""
        pictures, rng = self.lessons.at(draw.step), draw.rng
        large = pictures.images(pictures.rows(rng, draw.batch))
        small = degraded(rng, F.interpolate(large, size=self.small, mode="area"), self.settings)
        top, left = (int(edge) for edge in rng.integers(0, self.settings.picture - self.settings.crop + 1, 2))
        window = (..., slice(top, top + self.settings.crop), slice(left, left + self.settings.crop))
        clean, condition = large[window], enlarged(small, self.settings.picture)[window]
        timesteps, noise = draw_timesteps(rng, draw.batch, clean.device), draw_noise(rng, clean)
        late = (timesteps * LAST_REACH).long()
        first = self._error("super_res_first", clean, condition, timesteps, noise)
        return first + self._error("super_res_last", clean, condition, late, noise)

    def _error(
        self, name: str, clean: torch.Tensor, condition: torch.Tensor, timesteps: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        noised = self.schedule.noised(clean, timesteps, noise)
        seen = torch.cat([noised, condition], dim=1).contiguous(memory_format=torch.channels_last)
        error: torch.Tensor = self.networks[name](seen, timesteps).sample.float() - clean
        return error.square().mean() + EDGE_WEIGHT * error.abs().mean()


def enlarged(small: torch.Tensor, side: int) -> torch.Tensor:
    """The small picture at full size, as the upsampler sees it here and in use."""
    return F.interpolate(small, size=[side, side], mode="bicubic", align_corners=False, antialias=True)


def degraded(rng: np.random.Generator, small: torch.Tensor, settings: Upsampler) -> torch.Tensor:
    """Small pictures (n, 3, side, side) blurred, grained and stained, each as much as chance has it within the settings."""
    blurred = _blurred(small, rng.uniform(0, settings.blur, len(small)) * (rng.random(len(small)) < 0.8))
    grain = _amount(rng, settings.grain, small) * draw_noise(rng, small)
    coarse = draw_noise(rng, small[:, :, :STAIN_SIDE, :STAIN_SIDE])
    stain = _amount(rng, settings.stain, small) * F.interpolate(coarse, size=small.shape[-2:], mode="bicubic")
    return (blurred + grain + stain).clamp(-1, 1)


def _amount(rng: np.random.Generator, most: float, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(0, most, len(like))).float().to(like.device).view(-1, 1, 1, 1)


def _blurred(images: torch.Tensor, sigmas: np.ndarray[tuple[int], np.dtype[np.float64]]) -> torch.Tensor:
    """Each image under a Gaussian blur of its own width in pixels."""
    n, channels, height, width = images.shape
    distance = torch.arange(-BLUR_REACH, BLUR_REACH + 1)
    sigma = torch.from_numpy(sigmas).clamp(min=0.05)[:, None]
    line = torch.exp(-(distance**2) / (2 * sigma**2))
    line = line / line.sum(1, keepdim=True)
    kernels = (line[:, :, None] * line[:, None, :]).repeat_interleave(channels, 0)[:, None].float().to(images.device)
    flat = F.pad(images.reshape(1, n * channels, height, width), (BLUR_REACH,) * 4, mode="replicate")
    return F.conv2d(flat, kernels, groups=n * channels).view(images.shape)


def new_upsampler(settings: Upsampler, channels: tuple[int, ...]) -> nn.Module:
    """A thin U-Net without attention; its input is the noised large picture and the enlarged small one."""
    from diffusers import UNet2DModel

    levels = len(channels)
    network: nn.Module = UNet2DModel(
        sample_size=settings.picture,
        in_channels=2 * CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        norm_num_groups=settings.groups,
        add_attention=False,
        resnet_time_scale_shift="scale_shift",
    )
    return network
