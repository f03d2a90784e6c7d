"""CLIP learns to tell a caption from its false twin, which has the same words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner_unclip.training.clip import ClipTask
from limner_unclip.training.data.indexed import Drawn
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.loop import Training
from limner_unclip.training.pool import Pool
from limner_unclip.training.recipe import Clip
from limner_unclip.training.swaps import Kinds
from limner_unclip.training.task import Draw
from limner_unclip.training.vocabulary import write_tokenizer

CPU = torch.device("cpu")
KINDS = (("red", "blue"),)
CAPTIONS = ["red left, blue right", "blue left, red right", "all grey"]


@pytest.fixture
def tokenizer(tmp_path: Path):
    return write_tokenizer(["red", "blue", "left", "right", "all", "grey"], 12, tmp_path / "tokenizer")


def halves() -> Drawn:
    """Three pictures: red beside blue, blue beside red, and grey."""
    red, blue, grey = (np.full((16, 8, 3), colour, np.uint8) for colour in ((220, 30, 30), (40, 60, 220), (128, 128, 128)))
    pictures = np.stack([np.concatenate(pair, 1) for pair in ((red, blue), (blue, red), (grey, grey))])
    return Drawn(pictures, [[caption] for caption in CAPTIONS], np.zeros((3, 0), np.int64), np.zeros((3, 1, 0), np.int64))


def settings(**changes: object) -> Clip:
    sizes = {"width": 16, "layers": 1, "heads": 2, "dimension": 16, "context": 12, "picture": 16, "patch": 8}
    return Clip.model_validate({"steps": 60, "batch": 6, "rate": 5e-3, "warm_up": 3, "facts": 0, **sizes, **changes})


def task(tokenizer, swaps: Kinds) -> ClipTask:
    lessons = Lessons(lambda number: Pool(halves(), tokenizer, CPU, swaps))
    return ClipTask(settings(swaps=swaps), lessons, tokenizer, CPU)


def test_a_pool_has_the_twins_of_its_captions(tokenizer):
    pool = Pool(halves(), tokenizer, CPU, KINDS)
    rows = np.arange(3)
    found = pool.twins(rows, np.zeros(3, np.int64))
    assert found is not None
    tokens, there = found
    assert there.tolist() == [True, True, False]
    plain = pool.tokens(rows, np.zeros(3, np.int64))
    assert torch.equal(tokens.ids[0][tokens.mask[0]], plain.ids[1][plain.mask[1]])
    assert Pool(halves(), tokenizer, CPU).twins(rows, np.zeros(3, np.int64)) is None


def test_twins_make_the_contrast_harder_until_they_are_told_apart(tokenizer, tmp_path: Path):
    tasks = [task(tokenizer, swaps) for swaps in ((), KINDS)]
    plain, harder = (one.loss(Draw.of(0, 0, 0, 6)).item() for one in tasks)
    assert harder > plain
    losses: list[float] = []
    Training(tasks[1], tasks[1].settings, tmp_path / "clip.safetensors").run(lambda p: losses.append(p.loss), every=20)
    assert losses[-1] < 0.7 * losses[0]
