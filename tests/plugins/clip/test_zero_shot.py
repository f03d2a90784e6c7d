"""Scores: what CLIP makes of phrasings, computed here once more by the definition."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from limner import ModelError, Models
from limner.models import ModelStore
from limner.testing import local_models
from limner_clip.concepts import Concept
from limner_clip.zero_shot import ZeroShot, logit_scale

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def models(store: ModelStore) -> Models:
    return store.bind(CPU, torch.float32)


@pytest.fixture
def configured(clip: Path, tmp_path: Path) -> Any:
    """`configured(value)`: a model whose text encoder says so of its logit scale."""

    def build(value: object) -> Models:
        folder = tmp_path / "model"
        shutil.copytree(clip / "text_encoder", folder / "text_encoder")
        shutil.copy(clip / "model_index.json", folder)
        config = folder / "text_encoder" / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "logit_scale": value}))
        return local_models(tiny=folder).bind(CPU, torch.float32)

    return build


def encoded(models: Models, *texts: str) -> torch.Tensor:
    tokens = models.component("tiny", "tokenizer")(list(texts), padding="max_length", return_tensors="pt")
    return functional.normalize(models.component("tiny", "text_encoder")(tokens.input_ids).text_embeds, dim=-1)


def one(models: Models, concept: Concept, scale: float = 10.0) -> ZeroShot:
    return ZeroShot(models, "tiny", {"it": concept}, scale=scale, device=CPU)


def test_a_score_is_the_positive_share_of_a_softmax_over_all_phrasings(models: Models) -> None:
    concept = Concept(
        words={"shape": ("ring", "moon")},
        positive=("a sword", ("a blade", "a long sabre")),
        contrast=("a {shape}", "an image of the written word sword"),
    )
    image = torch.randn(32, generator=torch.Generator().manual_seed(1))
    blade = functional.normalize(encoded(models, "a blade", "a long sabre").mean(dim=0), dim=0)
    others = encoded(models, "a sword", "a ring", "a moon", "an image of the written word sword")
    cosines = torch.stack([blade, *others]) @ functional.normalize(image, dim=0)
    expected = (10 * cosines).softmax(dim=0)[:2].sum()
    assert one(models, concept).scores(3 * image[None]) == [{"it": pytest.approx(float(expected), abs=1e-5)}]


def test_an_embedding_along_a_phrasing_is_taken_for_it(models: Models) -> None:
    scorer = one(models, Concept(positive=("a sword",), contrast=("a ring", "the quick brown fox")), scale=1000.0)
    sword, ring = scorer.scores(encoded(models, "a sword", "a ring"))
    assert sword["it"] > 0.5 > ring["it"]


def test_each_concept_is_scored_by_its_own_phrasings(models: Models) -> None:
    sword = Concept(positive=("a sword",), contrast=("a ring",))
    skull = Concept(positive=("a skull",), contrast=("a ring", "a sword"))
    image = torch.ones(1, 32)
    [both] = ZeroShot(models, "tiny", {"sword": sword, "skull": skull}, scale=10.0, device=CPU).scores(image)
    alone = [one(models, concept).scores(image)[0]["it"] for concept in (sword, skull)]
    assert [both["sword"], both["skull"]] == pytest.approx(alone, abs=1e-6)


def test_many_phrasings_are_scored_as_few_are(models: Models) -> None:
    words = {"n": tuple(str(number) for number in range(300))}
    many = one(models, Concept(words=words, positive=("a sword",), contrast=("ring {n}",)))
    [score] = many.scores(torch.ones(1, 32))
    texts = encoded(models, "a sword", *(f"ring {number}" for number in range(300)))
    cosines = texts @ functional.normalize(torch.ones(32), dim=0)
    assert score["it"] == pytest.approx(float((10 * cosines).softmax(dim=0)[0]), abs=1e-5)


def test_a_phrasing_longer_than_the_model_reads_is_refused(models: Models) -> None:
    with pytest.raises(ModelError, match="has 82 tokens, and the model reads no more than 77"):
        one(models, Concept(positive=("x" * 80,), contrast=("a ring",)))


def test_the_scale_is_100_where_the_model_does_not_tell(models: Models) -> None:
    assert logit_scale(models, "tiny") == 100.0


@pytest.mark.parametrize(("written", "scale"), [(math.log(18.4), 18.4), (7.0, 100.0), (0, 1.0)])
def test_the_scale_is_the_models_own_within_clips_bound(configured: Any, written: float, scale: float) -> None:
    assert logit_scale(configured(written), "tiny") == pytest.approx(scale)


@pytest.mark.parametrize("written", ["2.9", True, [2.9]])
def test_a_scale_that_is_no_number_is_refused(configured: Any, written: object) -> None:
    with pytest.raises(ModelError, match=r"logit_scale is .*, not a number"):
        logit_scale(configured(written), "tiny")
