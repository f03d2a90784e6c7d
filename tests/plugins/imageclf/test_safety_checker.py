"""diffusers' own checker at tiny size, with a concept vector laid where red pictures are: its verdict is that of our scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tiny_models
import torch
from torch.nn import functional

from limner import Generation, Image
from limner.models import ModelStore
from limner.testing import check_step, load_step, local_models
from limner_imageclf.safety_checker import CONCEPTS, SPECIAL, SafetyChecker

RED, BLUE, GREEN = ((220, 30, 30), (30, 30, 220), (60, 180, 60))


def picture(colour: tuple[int, int, int]) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (48, 48), colour)


@pytest.fixture(scope="module")
def checker() -> Any:
    """Concept 5 is what red looks like, and special care 1 what blue does; the other vectors point anywhere."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPTextConfig, CLIPVisionConfig

    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=37, projection_dim=32, num_hidden_layers=2, num_attention_heads=4, image_size=32,
        patch_size=8,
    )  # fmt: skip
    config = CLIPConfig(text_config=CLIPTextConfig(hidden_size=32).to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        network: Any = StableDiffusionSafetyChecker(config).eval()
        red, blue, green = embedded(network, RED, BLUE, GREEN)
        network.concept_embeds.copy_(torch.randn(CONCEPTS, 32))
        network.special_care_embeds.copy_(torch.randn(SPECIAL, 32))
        network.concept_embeds[5], network.special_care_embeds[1] = red - green, blue - green
        network.concept_embeds_weights.fill_(0.95)
        network.special_care_embeds_weights.fill_(0.95)
        network.concept_embeds_weights[5] = halfway(red, blue, green)
        network.special_care_embeds_weights[1] = halfway(blue, red, green)
    return network


def halfway(one: torch.Tensor, other: torch.Tensor, green: torch.Tensor) -> torch.Tensor:
    """A threshold between what two pictures score along the first."""
    along = functional.normalize(one - green, dim=-1)
    return (functional.normalize(one, dim=-1) @ along + functional.normalize(other, dim=-1) @ along) / 2


def embedded(network: Any, *colours: tuple[int, int, int]) -> torch.Tensor:
    pixels = tiny_models.feature_extractor()(images=[picture(colour) for colour in colours], return_tensors="pt").pixel_values
    embedding: torch.Tensor = network.visual_projection(network.vision_model(pixels)[1])
    return embedding


@pytest.fixture(scope="module")
def models(checker: Any, tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("checker")
    checker.save_pretrained(folder / "safety_checker")
    tiny_models.feature_extractor().save_pretrained(folder / "feature_extractor")
    index = {
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return local_models(toy=folder)


@pytest.fixture(scope="module")
def step(models: ModelStore) -> Any:
    return load_step(SafetyChecker, {"model": "toy"}, models=models)


def scores(step: Any, colour: tuple[int, int, int]) -> dict[str, float]:
    [answer] = step.classify_image([Generation("r", 0, 0, "", image=Image(picture(colour)))])
    return {signal.name.removeprefix("imageclf.safety."): signal.value for signal in answer}


def test_the_concept_that_a_picture_shows_is_the_one_over_its_threshold(step: Any) -> None:
    red, blue = scores(step, RED), scores(step, BLUE)
    assert red["concepts"] == red["concept-5"] > 0 > blue["concepts"]
    assert blue["special"] == blue["special-1"] > 0 > red["special"]
    assert len(red) == CONCEPTS + SPECIAL + 2


@pytest.mark.parametrize("colour", [RED, BLUE, GREEN])
def test_the_checker_itself_would_blacken_what_is_over_a_threshold(
    step: Any, checker: Any, colour: tuple[int, int, int]
) -> None:
    pixels = tiny_models.feature_extractor()(images=[picture(colour)], return_tensors="pt").pixel_values
    _, [flagged] = checker(clip_input=pixels, images=[np.ones((4, 4, 3))])
    assert bool(flagged) == (scores(step, colour)["concepts"] > 0)


def test_no_image_is_blackened(step: Any) -> None:
    image = Image(picture(RED))
    step.classify_image([Generation("r", 0, 0, "", image=image)])
    assert image.pillow().getpixel((0, 0)) == RED


def test_it_keeps_every_rule_of_a_step(models: ModelStore) -> None:
    check_step(SafetyChecker, {"model": "toy"}, models=models)
