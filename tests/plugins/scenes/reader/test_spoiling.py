"""Spoiling keeps a picture a picture of the same thing, less crisp."""

from __future__ import annotations

import numpy as np
import pytest

from limner_scenes.reader.spoiling import Spoil, blurred, compressed, few_pixels, noisy, spoiled, tinted
from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing

PICTURE = render(Scene("meadow", (Thing("horse", "red", "large", 0.5, 0.5, 0.35),), None), 64)


@pytest.mark.parametrize("spoil", [blurred, compressed, few_pixels, noisy, tinted, spoiled])
def test_the_picture_changes_and_stays_near(spoil: Spoil) -> None:
    rng = np.random.default_rng(4)
    changes = []
    for _ in range(10):
        worse = spoil(PICTURE, rng)
        assert (worse.shape, worse.dtype) == (PICTURE.shape, PICTURE.dtype)
        changes.append(np.sqrt(np.square(worse.astype(float) - PICTURE).mean()))
    assert 0 < np.mean(changes) < 40


def test_the_same_seed_spoils_the_same() -> None:
    one, other = (spoiled(PICTURE, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, other)
