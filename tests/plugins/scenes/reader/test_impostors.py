"""Impostors look like nothing that has a name; a thing that is only a little wobbly stays what it is."""

from __future__ import annotations

import numpy as np

from limner_scenes.outline import Layer
from limner_scenes.palette import COLOUR_RGB
from limner_scenes.perceptual import oklab
from limner_scenes.reader.impostors import NAMELESS, clipped, impostor, nameless_colour, wobbled
from limner_scenes.scene import Thing
from limner_scenes.silhouettes import placed
from limner_scenes.styles import body_mask

HORSE = Thing("horse", "red", "large", 0.5, 0.5, 0.35)


def overlap(one: list[Layer], other: list[Layer]) -> float:
    masks = [np.asarray(body_mask(layers, 96)) > 0 for layers in (one, other)]
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def test_an_impostor_is_unlike_both_things_that_it_is_made_of() -> None:
    rng = np.random.default_rng(0)
    cat = placed(Thing("cat", "red", "large", 0.5, 0.5, 0.35))
    for _ in range(40):
        layers = impostor(HORSE, "cat", rng)
        assert max(overlap(layers, placed(HORSE)), overlap(layers, cat)) < 0.8


def test_a_little_wobbling_leaves_a_thing_what_it_is_and_much_does_not() -> None:
    rng = np.random.default_rng(0)

    def kept(reach: float) -> float:
        return float(np.mean([overlap(wobbled(placed(HORSE), HORSE, rng, reach), placed(HORSE)) for _ in range(10)]))

    assert kept(0.05) > 0.85 > 0.6 > kept(0.9)


def test_clipping_leaves_what_lies_on_one_side() -> None:
    half = clipped(placed(HORSE), 0.5, 0.5, 0.0)
    assert min(layer.points[:, 0].min() for layer in half) >= 0.5 - 1e-9
    assert 0.2 < overlap(half, placed(HORSE)) < 0.8


def test_a_nameless_colour_is_near_to_none_that_has_a_name() -> None:
    rng = np.random.default_rng(0)
    named = oklab(list(COLOUR_RGB.values()))
    for _ in range(20):
        assert np.linalg.norm(oklab(nameless_colour(rng)) - named, axis=-1).min() > NAMELESS
