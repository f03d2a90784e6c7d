"""Scenes that are wrong in one respect: what a checker has to refuse for a picture of the right one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from limner_scenes.scene import INVERSE, Scene, Thing
from limner_scenes.worlds import PLAIN

Swap = Literal["colour", "shape", "relation", "binding"]
SWAPS: tuple[Swap, ...] = ("colour", "shape", "relation", "binding")


def swaps(scene: Scene, rng: np.random.Generator) -> Iterator[tuple[Swap, Scene]]:
    """Give each wrong scene that a scene allows, one of a kind.

    `colour` and `shape` change one thing, `relation` turns it about, `binding` exchanges the colours of two things.
    """
    yield "colour", _changed(scene, rng, "colour")
    yield "shape", _changed(scene, rng, "shape")
    if scene.relation is None:
        return
    yield "relation", replace(scene, relation=INVERSE[scene.relation])
    first, second = scene.things
    if first.colour != second.colour and first.kind != second.kind:
        exchanged = replace(first, colour=second.colour), replace(second, colour=first.colour)
        yield "binding", replace(scene, things=exchanged)


def _changed(scene: Scene, rng: np.random.Generator, attribute: Literal["colour", "shape"]) -> Scene:
    things = list(scene.things)
    at = int(rng.integers(len(things)))
    things[at] = _other(things[at], rng, attribute)
    return replace(scene, things=tuple(things))


def _other(thing: Thing, rng: np.random.Generator, attribute: Literal["colour", "shape"]) -> Thing:
    words, now = (PLAIN.colours, thing.colour) if attribute == "colour" else (PLAIN.kinds, thing.kind)
    others = [word for word in words if word != now]
    word = others[rng.integers(len(others))]
    return replace(thing, colour=word) if attribute == "colour" else replace(thing, kind=word)
