"""Scenes as training data: groups of four that differ little, their captions, and what is known of both in numbers.

A group is a scene and three near misses of it (colours or shapes swapped between its things, the relation reversed, one thing
exchanged), so that a model that only counts words, and does not read what belongs to what, cannot tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner_scenes.captions import caption
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import BACKGROUNDS, COLOURS, INVERSE, RELATIONS, SHAPES, SIZES, Scene, Thing
from limner_scenes.splits import is_held_out

GROUP = 4
WORDINGS = 3
PAIRS = 0.6
UNKNOWN = -1

_GRAMMAR = ("a", "an", "the", "of", "to", "in", "at", "on", "and", "there", "is", "this", "picture", "image", "background")

PLACES = tuple(f"{row} {column}".strip() for row in ("top", "", "bottom") for column in ("left", "", "right"))
FACTS = (
    *("count", "background", "size", "place", "colour", "shape"),
    *("first colour", "first shape", "second colour", "second shape", "beside", "pair"),
)


class Drawn(NamedTuple):
    """Pictures (n, side, side, 3) uint8 with captions; `shown` (n, facts) and `stated` (n, wordings, facts) are class numbers.

    -1 in `shown` is a fact that the scene does not have, in `stated` one that the caption leaves open. The first thing of two
    is the one further left, or further up.
    """

    pictures: NDArray[np.uint8]
    captions: list[list[str]]
    shown: NDArray[np.int64]
    stated: NDArray[np.int64]
    group: int


class ScenesSource:
    """The source `scenes` of a training recipe."""

    def words(self) -> Sequence[str]:
        """All words that captions are made of."""
        things = (*SHAPES, *COLOURS, *SIZES, "shape")
        places = " ".join((*PLACES, *RELATIONS, *BACKGROUNDS)).split()
        return sorted({*things, *places, *_GRAMMAR})

    def draw(self, rng: np.random.Generator, n: int, side: int) -> Drawn:
        """At least n training scenes, in whole groups; the same state of `rng` gives the same ones."""
        scenes: list[Scene] = []
        captions: list[list[str]] = []
        while len(scenes) < n:
            group = _group(rng)
            texts = [_captions(scene, rng) for scene in group]
            if all(texts):
                scenes.extend(group)
                captions.extend(texts)
        pictures = np.stack([render(scene, side) for scene in scenes])
        shown = np.array([_shown(scene) for scene in scenes], np.int64)
        stated = np.array([[stated_facts(text) for text in texts] for texts in captions], np.int64)
        return Drawn(pictures, captions, shown, stated, GROUP)


def _group(rng: np.random.Generator) -> list[Scene]:
    while True:
        scene = sample_scene(rng, "train", things=2 if rng.random() < PAIRS else 1)
        group = [scene, *(_near_pairs(scene, rng) if len(scene.things) == 2 else _near_singles(scene, rng))]
        if not any(map(is_held_out, group)):
            return group


def _captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Some wordings, the first one full; none where the split leaves this scene no caption."""
    try:
        return [caption(scene, rng, full=number == 0) for number in range(WORDINGS)]
    except LookupError:
        return []


def _near_pairs(scene: Scene, rng: np.random.Generator) -> list[Scene]:
    first, second = scene.things
    if rng.random() < 0.5:
        swapped = (replace(first, colour=second.colour), replace(second, colour=first.colour))
    else:
        swapped = (replace(first, shape=second.shape), replace(second, shape=first.shape))
    turned = (replace(second, x=first.x, y=first.y), replace(first, x=second.x, y=second.y))
    changed = (_other(first, rng), second) if rng.random() < 0.5 else (first, _other(second, rng))
    return [replace(scene, things=things) for things in (swapped, turned, changed)]


def _near_singles(scene: Scene, rng: np.random.Generator) -> list[Scene]:
    (thing,) = scene.things
    elsewhere = sample_scene(rng, "train", things=1)
    moved = replace(elsewhere.things[0], shape=thing.shape, colour=thing.colour)
    shaped = replace(thing, shape=_another(rng, SHAPES, thing.shape))
    coloured = replace(thing, colour=_another(rng, COLOURS, thing.colour))
    return [
        replace(scene, things=(shaped,)),
        replace(scene, things=(coloured,)),
        replace(elsewhere, things=(moved,)),
    ]


def _other(thing: Thing, rng: np.random.Generator) -> Thing:
    if rng.random() < 0.65:
        return replace(thing, shape=_another(rng, SHAPES, thing.shape))
    return replace(thing, colour=_another(rng, COLOURS, thing.colour))


def _another(rng: np.random.Generator, words: tuple[str, ...], word: str) -> str:
    others = [other for other in words if other != word]
    return others[rng.integers(len(others))]


def _shown(scene: Scene) -> list[int]:
    background = BACKGROUNDS.index(scene.background)
    if len(scene.things) == 1:
        thing = scene.things[0]
        return _single(background, SIZES.index(thing.size), PLACES.index(thing.place or ""), thing.colour, thing.shape)
    names = [(thing.colour, thing.shape) for thing in scene.things]
    return _pair(background, names[0], scene.relation, names[1])


_BACKGROUND = re.compile(rf"on an? ({'|'.join(BACKGROUNDS)}) background")
_THING = re.compile(rf"(?:({'|'.join(SIZES)}) )?(?:({'|'.join(COLOURS)}) )?({'|'.join(SHAPES)}|shape)\b")
_PLACE = re.compile(rf"(?:in|at) the ({'|'.join(sorted(filter(None, PLACES), key=len, reverse=True))})\b")
_RELATION = re.compile("|".join(RELATIONS))


def stated_facts(text: str) -> list[int]:
    """What a caption of this world says, one class number for each of FACTS."""
    background = _BACKGROUND.search(text)
    behind = BACKGROUNDS.index(background[1]) if background else UNKNOWN
    rest = _BACKGROUND.sub("", text)
    things = _THING.findall(rest)
    if len(things) == 2:
        relation = _RELATION.search(rest)
        (_, *first), (_, *second) = things
        return _pair(behind, (first[0], first[1]), relation[0] if relation else None, (second[0], second[1]))
    size, colour, shape = things[0]
    place = _PLACE.search(rest)
    return _single(behind, SIZES.index(size) if size else UNKNOWN, PLACES.index(place[1]) if place else UNKNOWN, colour, shape)


def _single(background: int, size: int, place: int, colour: str, shape: str) -> list[int]:
    what = [COLOURS.index(colour) if colour else UNKNOWN, SHAPES.index(shape) if shape in SHAPES else UNKNOWN]
    return [0, background, size, place, *what, *[UNKNOWN] * 6]


def _pair(background: int, first: tuple[str, str], relation: str | None, second: tuple[str, str]) -> list[int]:
    pair = sorted((_number(first), _number(second)))
    together = pair[0] * len(COLOURS) * len(SHAPES) + pair[1]
    head = [1, background, *[UNKNOWN] * 4]
    if relation is None:
        return [*head, *[UNKNOWN] * 5, together]
    if relation in ("right of", "below"):
        first, relation, second = second, INVERSE[relation], first
    things = [COLOURS.index(first[0]), SHAPES.index(first[1]), COLOURS.index(second[0]), SHAPES.index(second[1])]
    return [*head, *things, int(relation == "left of"), together]


def _number(name: tuple[str, str]) -> int:
    return COLOURS.index(name[0]) * len(SHAPES) + SHAPES.index(name[1])
