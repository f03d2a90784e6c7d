"""In which precision a CPU computes the products of convolutional networks that are kept in bfloat16.

Without a unit that multiplies matrices of bfloat16, a CPU takes longer over products of many rows in it than in float32, with
AVX512-BF16 too. There weights and activations stay bfloat16, and linear layers and convolutions compute in float32. That is no
less exact: products of bfloat16 are exact in float32, and summed up in it in any case.

Transformers stay as they are: of few rows, as a language model has a token, products take the time in which weights are read,
and weights twice as wide take twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional


def cpu_multiplies_bfloat16() -> bool | None:
    """Whether this CPU multiplies matrices of bfloat16, by AMX or Arm's BF16 extension; None where torch is too old to tell."""
    asked: Callable[[], Mapping[str, object]] | None = getattr(torch.cpu, "get_capabilities", None)
    if asked is None:
        return None
    capabilities = asked()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "bf16"))


def widen_products(network: nn.Module) -> None:
    """Let the network's linear layers and convolutions compute in float32; what they take, hold and give stays as it is."""
    for module in network.modules():
        module.__class__ = _WIDE.get(type(module), type(module))


class _WideLinear(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return functional.linear(input.float(), self.weight.float(), _widened(self.bias)).to(input.dtype)


class _WideConv2d(nn.Conv2d):
    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        answer: torch.Tensor = super()._conv_forward(input.float(), weight.float(), _widened(bias))  # torch leaves it untyped
        return answer.to(input.dtype)


_WIDE: Mapping[type[nn.Module], Any] = {nn.Linear: _WideLinear, nn.Conv2d: _WideConv2d}  # of these very types, not below them


def _widened(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.float()
