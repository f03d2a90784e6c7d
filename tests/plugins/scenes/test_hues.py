"""Turned hues: what is held out never shows, and grey, shapes and brightness stay."""

from __future__ import annotations

import numpy as np
import pytest

from limner_scenes.facts import FACTS
from limner_scenes.hues import KEPT, turn, turns
from limner_scenes.palette import COLOUR_RGB
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import Scene
from limner_scenes.splits import held_out
from limner_scenes.worlds import WHOLE


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(3)
    return [sample_scene(rng, "train", world=WHOLE) for _ in range(300)]


def test_no_turn_brings_a_thing_near_a_colour_held_out_on_its_kind(scenes):
    closest = []
    for scene, matrix in zip(scenes, turns(scenes, np.random.default_rng(0)).matrices, strict=True):
        if np.allclose(matrix, 1 / 3):
            continue  # grey shows no colour
        for thing in scene.things:
            shown = np.clip(matrix @ COLOUR_RGB[thing.colour], 0, 255)
            barred = [COLOUR_RGB[colour] for colour, kind in held_out().names if kind == thing.kind]
            closest.extend(np.linalg.norm(shown - rgb) for rgb in barred)
    assert min(closest) >= 69.9


def test_most_pictures_get_a_hue_and_hues_are_all_around(scenes):
    matrices = turns(scenes, np.random.default_rng(0)).matrices
    coloured = [matrix for matrix in matrices if not np.allclose(matrix, 1 / 3)]
    assert len(coloured) > 0.6 * len(scenes)
    reds = np.array([matrix @ (1, 0, 0) for matrix in coloured])
    assert set(reds.argmax(1)) == {0, 1, 2}, "red becomes mostly red, green and blue"


def test_a_turn_leaves_grey_and_brightness(scenes):
    matrices = turns(scenes, np.random.default_rng(0)).matrices
    assert np.allclose(matrices @ np.ones(3), 1, atol=1e-5)
    assert np.allclose(matrices.sum(1), 1, atol=1e-5), "the sum of red, green and blue stays"


def test_a_whole_turn_changes_nothing():
    assert np.allclose(turn(2 * np.pi, 1.0), np.eye(3))
    assert np.allclose(turn(2 * np.pi / 3, 1.0) @ (1, 0, 0), (0, 1, 0), atol=1e-9)


def test_colours_and_settings_are_no_longer_known():
    lost = {fact for fact, kept in zip(FACTS, KEPT, strict=True) if not kept}
    assert lost == {"setting", "colour", "first colour", "second colour", "names"}


def test_the_same_generator_turns_the_same(scenes):
    one, other = (turns(scenes[:20], np.random.default_rng(5)).matrices for _ in range(2))
    assert np.array_equal(one, other)
