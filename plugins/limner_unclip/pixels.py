"""Images as the U-Nets take them: layout, precision, size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def network_input(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Images (n, channels, height, width) in a U-Net's precision, channels last as its weights are."""
    return x.to(dtype=dtype, memory_format=torch.channels_last)


def resized(image: torch.Tensor, size: Sequence[int], device: torch.device) -> torch.Tensor:
    """An image (3, height, width) in another size on the device, float32: bicubic, antialiased.

    On Apple's GPUs the CPU does it, for the same pixels everywhere.
    """
    where = torch.device("cpu") if device.type == "mps" else device
    small = image.to(where, torch.float32)[None]
    large = functional.interpolate(small, size=list(size), mode="bicubic", align_corners=False, antialias=True)
    return large[0].to(device)
