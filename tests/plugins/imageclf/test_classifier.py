"""A vision transformer in miniature, trained here in seconds to tell red from blue from anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

import limner_imageclf
from limner import Generation, Image, ItemError, ModelError
from limner.testing import check_step, load_step, local_models
from limner_imageclf.classifier import ImageClassifier
from limner_imageclf.safety_checker import SafetyChecker

LABELS = {"red": "warm", "blue": "cold"}
COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "other": (60, 180, 60)}
SIDE = 16


def picture(colour: str, width: int = 32, height: int = 32) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (width, height), COLOURS[colour])


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    folder = tmp_path_factory.mktemp("classifier")
    config = ViTConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=SIDE, patch_size=8,
        id2label=dict(enumerate(COLOURS)), label2id={name: place for place, name in enumerate(COLOURS)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: Any = ViTForImageClassification(config)
        train(network, ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}))
    network.eval().save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def train(network: Any, processor: Any) -> None:
    pixels = processor(images=[picture(colour) for colour in COLOURS], return_tensors="pt").pixel_values.repeat(8, 1, 1, 1)
    labels = torch.arange(len(COLOURS)).repeat(8)
    optimizer = torch.optim.AdamW(network.train().parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        network(pixel_values=pixels + 0.3 * torch.randn(pixels.shape), labels=labels).loss.backward()
        optimizer.step()


@pytest.fixture(scope="module")
def step(classifier: Path) -> Any:
    return load_step(ImageClassifier, {"model": "toy", "labels": LABELS}, models=local_models(toy=classifier))


def scores(step: Any, *pictures: PIL.Image.Image) -> list[dict[str, float]]:
    answers = step.classify_image([Generation("r", i, i, "", image=Image(each)) for i, each in enumerate(pictures)])
    return [{signal.name: signal.value for signal in answer} for answer in answers]


def test_the_plugin_registers_both_steps() -> None:
    assert limner_imageclf.register_steps() == [ImageClassifier, SafetyChecker]


def test_each_image_of_a_batch_is_scored_by_what_the_classifier_learnt(step: Any) -> None:
    found = scores(step, picture("red"), picture("other"), picture("blue"))
    seen = [{name for name, value in each.items() if value > 0.5} for each in found]
    assert seen == [{"imageclf.warm"}, set(), {"imageclf.cold"}]


def test_an_image_that_is_not_square_is_looked_at_from_end_to_end(step: Any) -> None:
    wide = picture("other", 32 * 4, 32)
    wide.paste(picture("red"), (32 * 3, 0))
    [found] = scores(step, wide)
    assert found["imageclf.warm"] > 0.5


def test_an_image_too_long_to_be_looked_at_is_an_error(step: Any) -> None:
    answers = step.classify_image(
        [Generation("r", 0, 0, "", image=Image(picture("red", 900, 32))), Generation("r", 1, 1, ""), *[
            Generation("r", 2, 2, "", image=Image(picture("red")))
        ]]
    )  # fmt: skip
    assert [isinstance(answer, ItemError) for answer in answers] == [True, True, False]


def test_a_label_that_the_model_does_not_have_is_refused(classifier: Path) -> None:
    with pytest.raises(ModelError, match=r"no label 'green'\n.*'red', 'blue', 'other'"):
        load_step(ImageClassifier, {"model": "toy", "labels": {"green": "x"}}, models=local_models(toy=classifier))


def test_independent_labels_are_scored_by_themselves(classifier: Path) -> None:
    options = {"model": "toy", "labels": {"red": "any", "blue": "any"}, "scores": "sigmoid"}
    apart: Any = load_step(ImageClassifier, options, models=local_models(toy=classifier))
    [found] = scores(apart, picture("blue"))
    assert 0.5 < found["imageclf.any"] <= 1.0


def test_it_keeps_every_rule_of_a_step(classifier: Path) -> None:
    check_step(ImageClassifier, {"model": "toy", "labels": LABELS}, models=local_models(toy=classifier))
