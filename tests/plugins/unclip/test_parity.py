"""The whole way equals diffusers' UnCLIPPipeline on the same weights and the same noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import limner_scenes
from limner import Generation, Models
from limner.models import ModelSource, ModelStore
from limner_unclip.decoder import Decoder
from limner_unclip.prior import Prior
from limner_unclip.upsampler import Upsampler

SHIPPED = Path(limner_scenes.__file__).parent / "weights"


def image(
    load: Callable[..., Any], models: Models, model: str, generation: Generation, options: dict[str, dict[str, Any]]
) -> Any:
    """The steps one after another, drawing from one generator as the pipeline does, to (3, height, width) in [-1, 1]."""
    shared = torch.Generator().manual_seed(generation.seed)
    steps = [load(cls, models=models, model=model, **options.get(cls.type, {})) for cls in (Prior, Decoder, Upsampler)]
    for step in steps:
        step.generator = lambda _: shared
    prior, decoder, upsampler = steps
    [(embedding, text)] = prior.sample_prior([generation])
    generation = generation.with_embedding(embedding, text)
    [small] = decoder.decode([generation])
    [large] = upsampler.upscale([generation.with_image(small)])
    return large.tensor()


def reference(pipeline: Any, generation: Generation, **settings: Any) -> torch.Tensor:
    """What the pipeline makes of the generation's prompt, (3, height, width) in [-1, 1]."""
    generator = torch.Generator().manual_seed(generation.seed)
    [pixels] = pipeline(generation.prompt, generator=generator, output_type="np", **settings).images
    return torch.from_numpy(pixels).permute(2, 0, 1) * 2 - 1


def test_the_tiny_model_makes_the_same_image(load: Any, models: Models, oracle: Any, generation: Any) -> None:
    ours = image(load, models, "tiny", generation(seed=7), {})
    theirs = reference(oracle(models), generation(seed=7))
    assert theirs.std() > 0.1
    assert (ours - theirs).abs().max() <= 1e-4


def test_predictions_of_the_data_make_the_same_image(
    load: Any, models: Models, configured: Any, oracle: Any, generation: Any
) -> None:
    of_data = {"prediction_type": "sample"}
    changed = configured(models, decoder_scheduler=of_data, super_res_scheduler=of_data)
    ours = image(load, changed, "tiny", generation(seed=1), {})
    assert (ours - reference(oracle(changed), generation(seed=1))).abs().max() <= 1e-4


@pytest.mark.parametrize(("prior_guidance", "decoder_guidance"), [(1.0, 1.0), (1.0, 3.0), (6.0, 1.0)])
def test_any_guidance_makes_the_same_image(
    load: Any, models: Models, oracle: Any, generation: Any, prior_guidance: float, decoder_guidance: float
) -> None:
    options = {
        "unclip.prior": {"steps": 5, "guidance": prior_guidance},
        "unclip.decoder": {"steps": 9, "guidance": decoder_guidance},
        "unclip.upsampler": {"steps": 3},
    }
    ours = image(load, models, "tiny", generation(), options)
    theirs = reference(
        oracle(models),
        generation(),
        prior_num_inference_steps=5,
        decoder_num_inference_steps=9,
        super_res_num_inference_steps=3,
        prior_guidance_scale=prior_guidance,
        decoder_guidance_scale=decoder_guidance,
    )
    assert (ours - theirs).abs().max() <= 1e-4


@pytest.mark.skipif(not (SHIPPED / "model_index.json").is_file(), reason="the package carries no weights yet")
def test_the_shipped_model_makes_the_same_image(load: Any, oracle: Any, generation: Any) -> None:
    models = ModelStore({"scenes": ModelSource("scenes", str(SHIPPED))}).bind(torch.device("cpu"), torch.float32)
    ours = image(load, models, "scenes", generation(seed=3), {})
    theirs = reference(oracle(models, "scenes"), generation(seed=3))
    assert theirs.std() > 0.1
    assert (ours - theirs).abs().max() <= 1e-4


def test_a_given_beginning_takes_the_place_of_drawn_noise(load: Any, generation: Any) -> None:
    decoder = load(Decoder, steps=2)
    [(embedding, text)] = load(Prior, steps=2).sample_prior([generation()])
    given = torch.randn(decoder.shape, generator=torch.Generator().manual_seed(5))
    begun = decoder.begin(replace(generation().with_embedding(embedding, text), noise=given))
    assert torch.equal(begun.x, given)
