"""Compiled networks are asked for, warmed up at loading, and answer as the others do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from limner import Image, ModelError
from limner.testing import local_models
from limner_unclip.decoder import Decoder
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
    plain, quick = load(Upsampler, models=models, steps=2), load(Upsampler, models=models, compile=True, steps=2)
    with torch.inference_mode():
        [theirs] = plain.upscale([given])
        for parameter in plain.first.parameters():  # which both share
            if parameter.ndim == 4:
                parameter.zero_()
        [ours] = quick.upscale([given])
        [zeroed] = plain.upscale([given])
    assert torch.allclose(ours.tensor(), theirs.tensor(), atol=1e-3)
    assert not torch.allclose(zeroed.tensor(), theirs.tensor(), atol=1e-3)
