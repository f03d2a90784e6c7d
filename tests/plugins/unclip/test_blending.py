"""Embeddings between two images, and in the direction from one text to another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import PIL.Image
import pytest
import torch

from limner import Generation, Image, Input, ItemError
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.blending import Slerp, TextDiff
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.interpolation import slerp
from limner_unclip.text import Text


def given(role: Any, colour: str) -> Input:
    image = Image(PIL.Image.new("RGB", (32, 32), colour))
    return Input(role, image, image.sha256())


@pytest.fixture
def two(load: Any, generation: Any) -> Generation:
    """A generation with two images and the first one's embedding."""
    bare = generation(inputs=(given("image", "red"), given("second", "navy")))
    [embedding] = load(ImageEncoder).encode_image([bare])
    return replace(bare, embedding=embedding)


def angle(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.arccos(torch.cosine_similarity(a, b, dim=0).clamp(-1, 1)))


def test_the_arc_runs_evenly_and_its_ends_are_exact() -> None:
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0])
    assert torch.allclose(slerp(a, b, 0.5), 3 * torch.tensor([0.5, 0.5]).sqrt())
    assert angle(a, slerp(a, b, 0.25)) == pytest.approx(torch.pi / 8, abs=1e-4)
    assert slerp(a, b, 0.0) is a
    assert slerp(a, b, 1.0) is b


def test_where_there_is_no_arc_the_line_is_taken() -> None:
    a = torch.tensor([1.0, 2.0])
    assert torch.allclose(slerp(a, 3 * a, 0.5), 2 * a)
    assert torch.allclose(slerp(a, -a, 0.25), 0.5 * a)
    assert slerp(a, torch.zeros(2), 0.5).isfinite().all()


@pytest.mark.parametrize(("cls", "given"), [(Slerp, {}), (TextDiff, {})])
def test_they_keep_the_rules_of_steps(store: ModelStore, two: Generation, cls: Any, given: dict[str, Any]) -> None:
    check_step(cls, {"model": "tiny", **given}, models=store, embedding=two.embedding, inputs=two.inputs)


def test_the_ends_of_a_blend_are_the_embeddings_of_its_images(load: Any, two: Generation, generation: Any) -> None:
    step = load(Slerp)
    [second] = load(ImageEncoder).encode_image([generation(inputs=(given("image", "navy"),))])
    ends = [step.transform_embedding([replace(two, overrides={"weight": weight})])[0] for weight in (0.0, 1.0)]
    assert two.embedding is not None
    assert torch.equal(ends[0].vector, two.embedding.vector)
    assert torch.equal(ends[1].vector, second.vector)
    [middle] = step.transform_embedding([two])
    assert angle(middle.vector, second.vector) == pytest.approx(angle(two.embedding.vector, second.vector) / 2, rel=0.01)


def test_a_blend_without_a_second_image_is_refused_alone(load: Any, two: Generation) -> None:
    one = replace(two, inputs=two.inputs[:1])
    refused, done = load(Slerp).transform_embedding([one, two])
    assert isinstance(refused, ItemError)
    assert not isinstance(done, ItemError)


def test_a_text_diff_turns_by_theta_towards_the_difference_of_the_texts(load: Any, two: Generation) -> None:
    step = load(TextDiff)
    asked = replace(two, prompt="a red ball", negative_prompt="a blue ball")
    [text] = load(Text).encode_text([asked])
    wanted = text.pooled / text.pooled.norm() - text.negative.pooled / text.negative.pooled.norm()
    assert two.embedding is not None
    before = two.embedding.vector
    for theta in (0.0, 0.25, 1.0):
        [turned] = step.transform_embedding([replace(asked, overrides={"theta": theta})])
        assert angle(turned.vector, before) == pytest.approx(theta * angle(wanted, before), abs=1e-3)
        assert float(turned.vector.norm()) == pytest.approx(float(before.norm()), rel=1e-4)


def test_texts_that_say_the_same_point_nowhere(load: Any, two: Generation) -> None:
    [refused] = load(TextDiff).transform_embedding([replace(two, prompt="a ball", negative_prompt="a ball")])
    assert isinstance(refused, ItemError)
    assert "say the same" in refused.what
