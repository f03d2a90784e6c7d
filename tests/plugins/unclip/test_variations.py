"""The model that ships, on images of its own: at strength 0 a variation is the image, and at its ends a blend is either."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import limner_scenes
from limner import Image, Input
from limner.testing import load_step, local_models, run_step
from limner_unclip.blending import Slerp
from limner_unclip.decoder import Decoder
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.invert import Invert
from limner_unclip.prior import Prior

WEIGHTS = Path(limner_scenes.__file__).parent / "weights"
PROMPTS = ("a red car", "a blue star")


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    """The steps over the built-in model; the decoder as in the pipelines for images from images, at strength 0."""
    models = local_models(scenes=WEIGHTS)
    options: dict[Any, dict[str, Any]] = {
        Prior: {"steps": 10},
        ImageEncoder: {},
        Slerp: {},
        Invert: {"steps": 25, "guidance": 1.0, "second": True},
        Decoder: {"steps": 25, "guidance": 1.0, "scheduler": "ddim"},
    }
    return {cls.type: load_step(cls, {"model": "scenes", **given}, models=models) for cls, given in options.items()}


@pytest.fixture(scope="module")
def pictures(steps: dict[str, Any]) -> list[Image]:
    """What the model draws of two prompts."""
    drawn = []
    for prompt in PROMPTS:
        embedding, text = run_step(steps["unclip.prior"], prompt=prompt)
        drawn.append(run_step(steps["unclip.decoder"], embedding=embedding, text=text))
    return drawn


def decibels(one: Image, other: Image) -> float:
    return 10 * math.log10(4 / max(float(((one.tensor() - other.tensor()) ** 2).mean()), 1e-9))


def blended(steps: dict[str, Any], pictures: list[Image], weight: float) -> Image:
    inputs = tuple(
        Input(role, Image(picture.pillow()), "") for role, picture in zip(("image", "second"), pictures, strict=True)
    )  # type: ignore[arg-type]
    given: dict[str, Any] = {"prompt": "", "inputs": inputs, "overrides": {"weight": weight}}
    embedding = run_step(steps["unclip.image_encoder"], prompt="", inputs=inputs)
    noise = run_step(steps["unclip.invert"], **given, embedding=embedding)
    between = run_step(steps["unclip.slerp"], **given, embedding=embedding)
    image: Image = run_step(steps["unclip.decoder"], prompt="", embedding=between, noise=noise)
    return image


def test_at_its_ends_a_blend_is_either_image_at_25_decibels(steps: dict[str, Any], pictures: list[Image]) -> None:
    """The first end is also what a variation of strength 0 is."""
    assert decibels(blended(steps, pictures, 0.0), pictures[0]) >= 25
    assert decibels(blended(steps, pictures, 1.0), pictures[1]) >= 25


def test_other_noise_gives_another_image(steps: dict[str, Any], pictures: list[Image]) -> None:
    embedding = run_step(steps["unclip.image_encoder"], prompt="", inputs=(Input("image", pictures[0], ""),))
    noise = torch.randn(3, *pictures[0].size, generator=torch.Generator().manual_seed(5))
    again = run_step(steps["unclip.decoder"], prompt="", embedding=embedding, noise=noise)
    assert decibels(again, pictures[0]) < decibels(blended(steps, pictures, 0.0), pictures[0]) - 3
