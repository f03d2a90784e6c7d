"""The gate over embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from limner import Embedding, ItemError
from limner.models import ModelStore
from limner.testing import check_step, load_step, run_step, sample_generation
from limner_clip.embedding import EmbeddingConcepts

OPTIONS = {"model": "tiny", "concepts": "own.yaml"}


@pytest.fixture(scope="module")
def gate(store: ModelStore, root: Path) -> Any:
    return load_step(EmbeddingConcepts, OPTIONS, models=store, root=root)


def random_embedding(seed: int, space: str) -> Embedding:
    return Embedding(torch.randn(32, generator=torch.Generator().manual_seed(seed)), space)


def test_it_keeps_the_rules_of_a_step(store: ModelStore, root: Path) -> None:
    given = random_embedding(0, store.space("tiny"))
    check_step(EmbeddingConcepts, OPTIONS, models=store, root=root, embedding=given)


def test_the_built_in_concepts_can_be_measured(store: ModelStore) -> None:
    given = random_embedding(0, store.space("tiny"))
    signals = run_step(EmbeddingConcepts, {"model": "tiny"}, models=store, embedding=given)
    assert [signal.name for signal in signals] == ["clip.sword", "clip.skull"]
    assert all(0.0 < signal.value < 1.0 for signal in signals)


def test_what_a_batch_is_told_each_would_be_told_alone(gate: Any, store: ModelStore) -> None:
    batch = [sample_generation(embedding=random_embedding(seed, store.space("tiny"))) for seed in range(16)]
    together = gate.classify_embedding(batch)
    alone = [gate.classify_embedding([generation])[0] for generation in batch]
    for one, other in zip(together, alone, strict=True):
        assert [s.value for s in one] == pytest.approx([s.value for s in other], abs=1e-5)
    assert len({signals[0].value for signals in together}) == 16


def test_an_embedding_of_another_space_is_refused_and_the_others_go_on(gate: Any, store: ModelStore) -> None:
    ours = sample_generation(embedding=random_embedding(1, store.space("tiny")))
    theirs = replace(ours, embedding=random_embedding(1, "openai-clip-vit-l-14"))
    first, second, third = gate.classify_embedding([ours, theirs, replace(ours, embedding=None)])
    assert [signal.name for signal in first] == ["clip.sword", "clip.skull"]
    assert isinstance(second, ItemError)
    assert "'openai-clip-vit-l-14'" in second.what
    assert f"{store.space('tiny')!r}" in second.what
    assert isinstance(third, ItemError)


def test_a_batch_without_any_comparable_embedding_is_refused_one_by_one(gate: Any) -> None:
    [answer] = gate.classify_embedding([sample_generation(embedding=random_embedding(1, "elsewhere"))])
    assert isinstance(answer, ItemError)
