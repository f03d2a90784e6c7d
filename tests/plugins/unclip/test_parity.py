"""The whole way equals diffusers' UnCLIPPipeline on the same weights and the same noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log10
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

import limner_scenes
from limner import Generation, Models
from limner.models import ModelStore
from limner.testing import local_models
from limner_unclip.decoder import Decoder
from limner_unclip.prior import Prior
from limner_unclip.upsampler import Upsampler

SHIPPED = Path(limner_scenes.__file__).parent / "weights"
CPU = torch.device("cpu")


def draw(
    load: Callable[..., Any],
    models: Models,
    generation: Generation,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    model: str = "tiny",
    dtype: torch.dtype = torch.float32,
    **common: Any,
) -> torch.Tensor:
    """The steps one after another, drawing from one generator as the pipeline does, to (3, height, width) in [-1, 1]."""
    shared = torch.Generator().manual_seed(generation.seed)
    steps = []
    for cls in (Prior, Decoder, Upsampler):
        step = load(cls, models=models, model=model, dtype=dtype, **common, **(options or {}).get(cls.type, {}))
        step.generator = lambda _: shared
        steps.append(step)
    prior, decoder, upsampler = steps
    [(embedding, text)] = prior.sample_prior([generation])
    generation = generation.with_embedding(embedding, text)
    [small] = decoder.decode([generation])
    [large] = upsampler.upscale([generation.with_image(small)])
    pixels: torch.Tensor = large.tensor()
    return pixels


def reference(pipeline: Any, generation: Generation, **settings: Any) -> torch.Tensor:
    """What the pipeline makes of the generation's prompt, (3, height, width) in [-1, 1]."""
    generator = torch.Generator().manual_seed(generation.seed)
    [pixels] = pipeline(generation.prompt, generator=generator, output_type="np", **settings).images
    return torch.from_numpy(pixels).permute(2, 0, 1) * 2 - 1


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    """Peak signal to noise of two images in [-1, 1]."""
    return 10 * log10(4 / float((a - b).square().mean()))


def test_the_tiny_model_makes_the_same_image(load: Any, models: Models, oracle: Any, generation: Any) -> None:
    theirs = reference(oracle(models), generation(seed=7))
    assert theirs.std() > 0.1
    assert (draw(load, models, generation(seed=7)) - theirs).abs().max() <= 1e-6


def test_so_it_does_where_networks_predict_the_data(
    load: Any, models: Models, changed: Any, oracle: Any, generation: Any
) -> None:
    of_data = {"prediction_type": "sample"}
    models = changed(models, decoder_scheduler=of_data, super_res_scheduler=of_data)
    theirs = reference(oracle(models), generation(seed=1))
    assert (draw(load, models, generation(seed=1)) - theirs).abs().max() <= 1e-6


@pytest.mark.parametrize(("prior_guidance", "decoder_guidance"), [(1.0, 1.0), (6.0, 2.0)])
def test_so_it_does_at_any_guidance_and_number_of_steps(
    load: Any, models: Models, oracle: Any, generation: Any, prior_guidance: float, decoder_guidance: float
) -> None:
    options = {
        "unclip.prior": {"steps": 5, "guidance": prior_guidance},
        "unclip.decoder": {"steps": 6, "guidance": decoder_guidance},
        "unclip.upsampler": {"steps": 3},
    }
    theirs = reference(
        oracle(models),
        generation(),
        prior_num_inference_steps=5,
        decoder_num_inference_steps=6,
        super_res_num_inference_steps=3,
        prior_guidance_scale=prior_guidance,
        decoder_guidance_scale=decoder_guidance,
    )
    assert (draw(load, models, generation(), options) - theirs).abs().max() <= 1e-6


@pytest.fixture(scope="module")
def shipped() -> ModelStore:
    if not (SHIPPED / "model_index.json").is_file():
        pytest.skip("this checkout carries no weights")
    return local_models(scenes=SHIPPED)


def test_the_shipped_model_makes_the_same_image_and_nearly_so_when_quick(
    load: Any, oracle: Any, generation: Any, shipped: ModelStore
) -> None:
    models, given = shipped.bind(CPU, torch.float32), generation(seed=3)
    theirs = reference(oracle(models, "scenes"), given)
    assert theirs.std() > 0.1
    assert (draw(load, models, given, model="scenes") - theirs).abs().max() <= 1e-6
    assert (draw(load, models, given, model="scenes", exact=False) - theirs).abs().max() <= 1e-3  # as the processor rounds


def test_the_shipped_model_in_bfloat16_mostly_makes_an_image_that_looks_the_same(
    load: Any, generation: Any, shipped: ModelStore
) -> None:
    """Mostly: where a seed lies between two pictures, rounding may decide which of them is drawn."""
    options = {"unclip.prior": {"guidance": 2.0}, "unclip.decoder": {"guidance": 3.0}}
    likeness = []
    for seed in (0, 1, 2):
        full, half = (
            draw(load, shipped.bind(CPU, dtype), generation(seed), options, model="scenes", dtype=dtype)
            for dtype in (torch.float32, torch.bfloat16)
        )
        likeness.append(decibels(full, half))
    assert median(likeness) >= 35
