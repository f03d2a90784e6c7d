"""The gate over images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from limner import Embedding, Image, ItemError
from limner.models import ModelStore
from limner.testing import check_step, load_step, run_step, sample_generation
from limner_clip.embedding import EmbeddingConcepts
from limner_clip.image import ImageConcepts

OPTIONS = {"model": "tiny", "concepts": "own.yaml"}


@pytest.fixture(scope="module")
def gate(store: ModelStore, root: Path) -> Any:
    return load_step(ImageConcepts, OPTIONS, models=store, root=root)


def picture(seed: int, width: int = 128, height: int = 128) -> Image:
    coarse = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return Image(torch.nn.functional.interpolate(coarse[None] * 2 - 1, size=(height, width))[0])


def values(gate: Any, image: Image) -> list[float]:
    [signals] = gate.classify_image([sample_generation(image=image)])
    return [signal.value for signal in signals]


def test_it_keeps_the_rules_of_a_step(store: ModelStore, root: Path) -> None:
    check_step(ImageConcepts, OPTIONS, models=store, root=root, image=picture(0))


def test_an_image_has_the_scores_of_its_embedding(gate: Any, store: ModelStore, root: Path) -> None:
    models = store.bind(torch.device("cpu"), torch.float32)
    processed = models.component("tiny", "feature_extractor")(images=[picture(3).pillow()], return_tensors="pt")
    assert processed.pixel_values.shape == (1, 3, 32, 32)  # what the encoder sees of 128 pixels
    vector = models.component("tiny", "image_encoder")(processed.pixel_values).image_embeds[0]
    by_embedding = load_step(EmbeddingConcepts, OPTIONS, models=store, root=root)
    expected = run_step(by_embedding, embedding=Embedding(vector, store.space("tiny")))
    assert values(gate, picture(3)) == pytest.approx([signal.value for signal in expected], abs=1e-5)


def test_what_a_batch_is_told_each_would_be_told_alone(gate: Any) -> None:
    batch = [sample_generation(image=picture(seed, width)) for seed, width in enumerate([128, 200, 64, 128] * 4)]
    together = gate.classify_image(batch)
    for generation, signals in zip(batch, together, strict=True):
        assert [signal.value for signal in signals] == pytest.approx(values(gate, generation.image), abs=1e-5)
    assert len({signals[0].value for signals in together}) == 16


@pytest.mark.parametrize("turned", [False, True])
def test_a_long_image_is_looked_at_whole_and_the_highest_score_counts(gate: Any, turned: bool) -> None:
    wide = picture(5, 256, 128).pillow()
    boxes = [(left, 0, left + 128, 128) for left in (0, 64, 128)]
    if turned:
        wide, boxes = wide.transpose(PIL.Image.Transpose.TRANSPOSE), [(t, left, b, right) for left, t, right, b in boxes]
    views = [values(gate, Image(wide.crop(box))) for box in boxes]
    highest = [max(scores) for scores in zip(*views, strict=True)]
    assert values(gate, Image(wide)) == pytest.approx(highest, abs=1e-5)
    assert highest != views[1]  # the middle alone, which is what CLIP's processor would see


def test_an_image_hardly_longer_than_wide_has_both_its_ends_looked_at(gate: Any) -> None:
    image = picture(2, 130, 128).pillow()
    ends = [values(gate, Image(image.crop((left, 0, left + 128, 128)))) for left in (0, 2)]
    assert values(gate, Image(image)) == pytest.approx([max(scores) for scores in zip(*ends, strict=True)], abs=1e-5)


def test_an_image_too_long_to_be_looked_at_whole_is_refused_and_the_others_go_on(gate: Any) -> None:
    images = [picture(1, 288, 64), picture(1, 289, 64), None]
    fits, long, missing = gate.classify_image([sample_generation(image=image) for image in images])
    assert [signal.name for signal in fits] == ["clip.sword", "clip.skull"]
    assert isinstance(long, ItemError)
    assert isinstance(missing, ItemError)
    assert "so long that 8 squares do not cover it" in long.what


def test_in_half_precision_it_tells_about_the_same(store: ModelStore, root: Path, gate: Any) -> None:
    half = ImageConcepts(ImageConcepts.Options.model_validate(OPTIONS, context={"root": root}))
    half.load(store.bind(torch.device("cpu"), torch.bfloat16), torch.device("cpu"), torch.bfloat16)
    assert values(half, picture(4)) == pytest.approx(values(gate, picture(4)), abs=0.2)
    assert values(half, picture(4)) != values(gate, picture(4))
