"""Scenes as training data, without end: groups of four that differ little, captions, and what is known of both in numbers.

A group is a scene and three near misses of it, so that a model that only counts words, and does not read what belongs to what,
cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner_scenes import facts
from limner_scenes.captions import statement
from limner_scenes.hues import Turns, turns
from limner_scenes.near_misses import near_misses
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import Scene
from limner_scenes.splits import is_held_out
from limner_scenes.statement import Statement
from limner_scenes.wording import worded, words
from limner_scenes.worlds import SHIPPED, WHOLE, World

GROUP = 4
WORDINGS = 3


class Drawn(NamedTuple):
    """Pictures (n, side, side, 3) uint8 with captions; `shown` (n, facts) and `stated` (n, wordings, facts) are class numbers.

    `limner_scenes.facts` tells them; -1 in `shown` is a fact that the scene does not have, in `stated` one that the caption
    leaves open. `turns` take each picture to other hues.
    """

    pictures: NDArray[np.uint8]
    captions: list[list[str]]
    shown: NDArray[np.int64]
    stated: NDArray[np.int64]
    turns: Turns
    group: int


class ScenesSource:
    """The source `scenes` of a training recipe: the world of the model that ships; `scenes-whole`: all of it."""

    def __init__(self, world: World = SHIPPED) -> None:
        self.world = world

    def words(self) -> Sequence[str]:
        """All words that captions are made of."""
        return sorted(words())

    def draw(self, rng: np.random.Generator, n: int, side: int) -> Drawn:
        """At least n training scenes, in whole groups; the same state of `rng` gives the same ones, and each call goes on."""
        scenes: list[Scene] = []
        said: list[list[Statement]] = []
        while len(scenes) < n:
            group = sample_group(rng, self.world)
            try:
                said.extend([statement(scene, rng, full=number == 0) for number in range(WORDINGS)] for scene in group)
            except LookupError:
                del said[len(scenes) :]
                continue
            scenes.extend(group)
        captions = [[worded(one, rng) for one in wordings] for wordings in said]
        pictures = np.stack([render(scene, side) for scene in scenes])
        shown = np.array([facts.shown(scene) for scene in scenes], np.int64)
        stated = np.array([[facts.stated(one) for one in wordings] for wordings in said], np.int64)
        return Drawn(pictures, captions, shown, stated, turns(scenes, rng), GROUP)


def whole_source() -> ScenesSource:
    """The source `scenes-whole`."""
    return ScenesSource(WHOLE)


def sample_group(rng: np.random.Generator, world: World) -> list[Scene]:
    """A scene that training may show and three near misses that it may show too."""
    while True:
        scene = sample_scene(rng, "train", world=world)
        group = [scene, *near_misses(scene, world, rng)]
        if not any(map(is_held_out, group)):
            return group
