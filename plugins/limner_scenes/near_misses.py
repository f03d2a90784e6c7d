"""Scenes that differ from a scene in one respect: the hard negatives of training."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from limner_scenes.relations import admits, arranged
from limner_scenes.sampling import UNSEEN_ON, alone, several
from limner_scenes.scene import INVERSE, Scene, Thing
from limner_scenes.worlds import World

T = TypeVar("T")


def near_misses(scene: Scene, world: World, rng: np.random.Generator) -> list[Scene]:
    """Three near misses of a scene, within its world.

    Of two things: colours or kinds exchanged, another relation, one thing changed. Of several: another number, another kind,
    another colour. Of one: another kind, another colour, another setting, style, size or place.
    """
    if scene.relation is not None:
        return [_exchanged(scene, rng), _related_otherwise(scene, world, rng), _one_changed(scene, world, rng)]
    kind, colour = (_all(scene, change, world, rng) for change in (_kind, _colour))
    if len(scene.things) > 1:
        counts = [count for count in world.counts if count > 1]
        things = several(scene.things[0], int(_another(rng, tuple(counts), len(scene.things))), rng)
        return [kind, colour, replace(scene, things=things)]
    return [kind, colour, _elsewhere(scene, world, rng)]


def _exchanged(scene: Scene, rng: np.random.Generator) -> Scene:
    first, second = scene.things
    if rng.random() < 0.6 and first.colour != second.colour:
        return replace(scene, things=(replace(first, colour=second.colour), replace(second, colour=first.colour)))
    swapped = replace(first, kind=second.kind), replace(second, kind=first.kind)
    return _rearranged(scene, swapped, scene.relation or "", rng)


def _related_otherwise(scene: Scene, world: World, rng: np.random.Generator) -> Scene:
    first, second = scene.things
    fitting = [
        relation for relation in world.relations if relation != scene.relation and admits(relation, first.kind, second.kind)
    ]
    turned = INVERSE.get(scene.relation or "")
    relation = turned if turned and rng.random() < 0.6 else fitting[rng.integers(len(fitting))]
    return _rearranged(scene, scene.things, relation, rng)


def _one_changed(scene: Scene, world: World, rng: np.random.Generator) -> Scene:
    things = list(scene.things)
    at, change = int(rng.integers(2)), _kind if rng.random() < 0.65 else _colour
    things[at] = change(things[at], scene.setting, world, rng)
    return _rearranged(scene, tuple(things), scene.relation or "", rng)


def _rearranged(scene: Scene, things: tuple[Thing, ...], relation: str, rng: np.random.Generator) -> Scene:
    """The things where the relation puts them; left and right of each other where the world does not show them so."""
    first, second = things
    relation = relation if admits(relation, first.kind, second.kind) else "left of"
    return replace(scene, things=arranged(first, relation, second, rng), relation=relation)


def _all(scene: Scene, change: Callable[..., Thing], world: World, rng: np.random.Generator) -> Scene:
    changed = change(scene.things[0], scene.setting, world, rng)
    things = tuple(replace(thing, colour=changed.colour, kind=changed.kind) for thing in scene.things)
    return replace(scene, things=things)


def _elsewhere(scene: Scene, world: World, rng: np.random.Generator) -> Scene:
    drawn = rng.random()
    if drawn < 0.25 and len(world.styles) > 1:
        return replace(scene, style=_another(rng, world.styles, scene.style))
    fitting = tuple(setting for setting in world.settings if (setting, scene.things[0].colour) not in UNSEEN_ON)
    if drawn < 0.5:
        return replace(scene, setting=_another(rng, fitting, scene.setting))
    return replace(scene, things=(alone(scene.things[0], rng),))


def _kind(thing: Thing, _: str, world: World, rng: np.random.Generator) -> Thing:
    return replace(thing, kind=_another(rng, world.kinds, thing.kind))


def _colour(thing: Thing, setting: str, world: World, rng: np.random.Generator) -> Thing:
    fitting = tuple(colour for colour in world.colours if (setting, colour) not in UNSEEN_ON)
    return replace(thing, colour=_another(rng, fitting, thing.colour))


def _another(rng: np.random.Generator, words: tuple[T, ...], word: T) -> T:
    others = [other for other in words if other != word]
    return others[rng.integers(len(others))]
