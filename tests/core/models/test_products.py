"""In which precision networks in bfloat16 compute their products on a CPU."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from limner.models.products import widen_products
from limner.testing import local_models

CPU = torch.device("cpu")
PRODUCTS = (torch.ops.aten.linear, torch.ops.aten.addmm, torch.ops.aten.mm, torch.ops.aten.conv2d, torch.ops.aten.convolution)
LAYERS = {"linear": partial(nn.Linear, 5, 3), "convolution": partial(nn.Conv2d, 5, 3, 3, padding=1)}


class Products(TorchDispatchMode):
    """The precisions in which matrices were multiplied and convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.precisions: set[torch.dtype] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket in PRODUCTS:
            self.precisions |= {given.dtype for given in args if isinstance(given, torch.Tensor)}
        return function(*args, **(kwargs or {}))


def precisions_of(network: Any) -> set[torch.dtype]:
    """Of the products in one answer of an upsampler, which is asked and answers in bfloat16."""
    size = network.config.sample_size
    with torch.inference_mode(), Products() as products:
        answer = network(torch.zeros(1, network.config.in_channels, size, size, dtype=torch.bfloat16), 1).sample
    assert answer.dtype is torch.bfloat16
    return products.precisions


@pytest.mark.parametrize("able", [["avx512_bf16"], []])
def test_a_cpu_that_does_not_multiply_bfloat16_computes_its_products_in_float32(
    karlo: Path, monkeypatch: pytest.MonkeyPatch, able: list[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(able, True), raising=False)
    network = local_models(tiny=karlo).bind(CPU, torch.bfloat16).component("tiny", "super_res_first")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
    assert precisions_of(network) == {torch.float32}


def test_a_cpu_that_does_computes_them_as_they_are(karlo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    network = local_models(tiny=karlo).bind(CPU, torch.bfloat16).component("tiny", "super_res_first")
    assert precisions_of(network) == {torch.bfloat16}


def test_a_torch_that_cannot_tell_leaves_them_as_they_are(karlo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    network = local_models(tiny=karlo).bind(CPU, torch.bfloat16).component("tiny", "super_res_first")
    assert precisions_of(network) == {torch.bfloat16}


def test_transformers_compute_theirs_as_they_are(karlo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    encoder = local_models(tiny=karlo).bind(CPU, torch.bfloat16).component("tiny", "text_encoder")
    with torch.inference_mode(), Products() as products:
        encoder(torch.zeros(1, 4, dtype=torch.long))
    assert products.precisions == {torch.bfloat16}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_widened_products_differ_from_those_in_float32_by_the_rounding_of_the_answer_alone(make: Any, bias: bool) -> None:
    torch.manual_seed(0)
    layer = make(bias=bias).to(torch.bfloat16).requires_grad_(False)
    full = make(bias=bias).requires_grad_(False)
    full.load_state_dict(layer.state_dict())
    widen_products(layer)
    given = torch.randn(2, 5, 5, 5, dtype=torch.bfloat16)
    assert torch.equal(layer(given), full(given.float()).to(torch.bfloat16))
    assert isinstance(layer, type(full))
