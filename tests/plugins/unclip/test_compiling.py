"""Compiled networks are asked for, warmed up at loading, and answer as the others do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn
from torch._dynamo import config as torch_config

from limner import Generation, Image, ModelError
from limner.testing import local_models
from limner_unclip.compiling import compiled, warm_up
from limner_unclip.decoder import Decoder
from limner_unclip.invert import Invert
from limner_unclip.upsampler import Upsampler


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that networks were asked for by loading; in place of the compiler, which takes minutes."""
    rows: list[int] = []

    def compiled(unet: Any, device: torch.device) -> Any:
        class Compiled:
            config = unet.config

            def __call__(self, sample: torch.Tensor, *given: Any, **named: Any) -> Any:
                rows.append(len(sample))
                return unet(sample, *given, **named)

        return Compiled()

    monkeypatch.setattr("limner_unclip.compiling.compiled", compiled)
    return rows


def test_a_decoder_is_compiled_for_guided_and_unguided_samples_before_any_request(load: Any, recorded: list[int]) -> None:
    load(Decoder, compile=True)
    assert recorded == [2, 1]


def test_an_inversion_is_compiled_for_one_image_and_where_two_may_come_for_two(load: Any, recorded: list[int]) -> None:
    load(Invert, compile=True)
    assert set(recorded) == {2, 1}
    recorded.clear()
    load(Invert, compile=True, second=True)
    assert set(recorded) == {4, 2, 1}


def test_an_upsampler_is_compiled_with_both_its_networks(load: Any, recorded: list[int]) -> None:
    load(Upsampler, compile=True)
    assert recorded == [1, 1]


def test_a_compiled_decoder_always_has_a_context_of_one_length(load: Any, recorded: list[int], embedded: Any) -> None:
    step = load(Decoder, compile=True)
    lengths = {step.begin(embedded(prompt=prompt)).conditioning.tokens.shape for prompt in ("", "a red circle")}
    assert len(lengths) == 1


def test_a_machine_that_cannot_compile_is_told_at_loading(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(unet: Any, device: torch.device) -> Any:
        raise RuntimeError("no C++ compiler found")

    def broken(unet: Any, device: torch.device) -> Any:
        return lambda *_, **__: compiled(unet, device)

    monkeypatch.setattr("limner_unclip.compiling.compiled", broken)
    with pytest.raises(ModelError, match=r"no C\+\+ compiler found\n.*leave `compile` out"):
        load(Upsampler, compile=True)


def test_compiled_and_exact_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="a compiled network is not exact"):
        Decoder.Options(model="tiny", compile=True, exact=True)
    assert Decoder.Options(model="tiny", compile=True).exact is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")  # torch's compiler uses what torch deprecates
def test_a_compiled_upsampler_makes_nearly_the_same_image_with_convolutions_laid_out_beforehand(
    load: Any, generation: Any, karlo: Path
) -> None:
    models = local_models(tiny=karlo).bind(torch.device("cpu"), torch.float32)  # of its own, to break
    small = Image(torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    given = generation().with_image(small)
    plain = load(Upsampler, models=models, steps=2)
    with torch_config.patch(recompile_limit=1):  # as if all but one of those that torch compiles had been
        quick = load(Upsampler, models=models, compile=True, steps=2)
    with torch.inference_mode():
        [theirs] = plain.upscale([given])
        for parameter in (*plain.first.parameters(), *plain.last.parameters()):  # which both share
            if parameter.ndim == 4:
                parameter.zero_()
        [ours] = quick.upscale([given])
        [zeroed] = plain.upscale([given])
    assert torch.allclose(ours.tensor(), theirs.tensor(), atol=1e-3)
    assert not torch.allclose(zeroed.tensor(), theirs.tensor(), atol=1e-3)


class Edged(nn.Module):
    """A network with a setting that shows in no weight."""

    def __init__(self, *, edged: bool) -> None:
        super().__init__()
        self.edged = edged
        self.convolution = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.convolution(sample)
        return answer.relu() if self.edged else answer


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
def test_networks_of_one_class_stay_apart_when_torch_compiles_them_anew(request: pytest.FixtureRequest) -> None:
    given, cpu = torch.randn(1, 4, 8, 8), torch.device("cpu")
    networks = [Edged(edged=edged).eval().requires_grad_(False) for edged in (False, True)]
    quick = [compiled(network, cpu) for network in networks]
    for network in quick:
        step = SimpleNamespace(id="a", sampler=SimpleNamespace(device=cpu), run=lambda _, network=network: network(given))
        warm_up(cast(Any, step), [Generation("r", 0, 0, "")])
    request.addfinalizer(partial(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled()))
    torch.use_deterministic_algorithms(True)
    with torch.inference_mode():
        for ours, plain in zip(quick, networks, strict=True):
            assert torch.allclose(ours(given), plain(given), atol=1e-5)
