"""Pictures to train and test the reader with, and the truth about each.

Some are scenes as the world draws them. The others are strewn: any things of any size anywhere, some of them impostors, so that
the reader learns to look rather than to expect.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner_scenes.outline import Layer
from limner_scenes.palette import RGB, shaded
from limner_scenes.places import paint_setting
from limner_scenes.reader.impostors import impostor, nameless_colour, wobbled
from limner_scenes.reader.network import SIDE
from limner_scenes.scene import Scene, Thing
from limner_scenes.silhouettes import placed
from limner_scenes.styles import finished, paint_thing, wash
from limner_scenes.worlds import World

FINENESS = 3
IMPOSTORS, NAMELESS, WOBBLED, NESTED = 0.2, 0.12, 0.5, 0.8
ROOMY = 0.27
"""A thing of more than this half extent has room for another in front of it."""
_COUNTS, _CHANCES = (0, 1, 2, 3, 4), (0.03, 0.27, 0.36, 0.17, 0.17)
_SCALES = {0: (0.1, 0.1), 1: (0.13, 0.38), 2: (0.11, 0.3), 3: (0.1, 0.22), 4: (0.1, 0.19)}
_TRIES = 30


class Shown(NamedTuple):
    """A thing that a picture shows; None for a kind or colour that has no name."""

    kind: str | None
    colour: str | None
    x: float
    y: float
    scale: float


class Sample(NamedTuple):
    """A picture, (SIDE, SIDE, 3), with what it shows."""

    picture: NDArray[np.uint8]
    things: tuple[Shown, ...]
    style: str
    setting: str


class _Drawn(NamedTuple):
    layers: list[Layer]
    rgb: RGB
    shown: Shown


def of_scene(scene: Scene, rng: np.random.Generator) -> Sample:
    """A scene as the world draws it, its things at times a little wobbly."""
    drawn = [_true(thing, rng) for thing in scene.things]
    return _painted(drawn, scene.style, scene.setting, rng)


def with_impostor(scene: Scene, world: World, rng: np.random.Generator) -> Sample:
    """A scene in which the first thing has become an impostor."""
    first, *others = scene.things
    drawn = [_false(first, world, rng), *(_true(thing, rng) for thing in others)]
    return _painted(drawn, scene.style, scene.setting, rng)


def strewn(world: World, rng: np.random.Generator) -> Sample:
    """Up to four things of a world anywhere, some of them impostors or of a colour without a name."""
    things: list[Thing] = []
    count = int(rng.choice(_COUNTS, p=_CHANCES))
    crowded = 1.2 if rng.random() < 0.25 else 2.0
    for _ in range(_TRIES):
        if len(things) == count:
            break
        thing = _anywhere(world, _SCALES[count], rng)
        if all(_apart(thing, other) > crowded for other in things):
            things.append(thing)
    if things and count < max(_COUNTS) and things[0].scale > ROOMY and rng.random() < NESTED:
        things.insert(0, _within(things[0], world, rng))
    drawn = [_perhaps_false(thing, world, rng) for thing in things]
    return _painted(drawn, _pick(world.styles, rng), _pick(world.settings, rng), rng)


def _anywhere(world: World, scales: tuple[float, float], rng: np.random.Generator) -> Thing:
    scale = rng.uniform(*scales)
    x, y = rng.uniform(0.97 * scale, 1 - 0.97 * scale, 2)
    shade, pose, proportion = rng.uniform(-1, 1, 3)
    kind, colour = _pick(world.kinds, rng), _pick(world.colours, rng)
    return Thing(kind, colour, "large", x, y, scale, shade, pose, proportion, bool(rng.integers(2)))


def _within(holder: Thing, world: World, rng: np.random.Generator) -> Thing:
    """A small thing of another colour in front of a large one, near its middle."""
    thing = _anywhere(world, (0.33 * holder.scale, 0.45 * holder.scale), rng)
    colours = tuple(colour for colour in world.colours if colour != holder.colour)
    x, y = np.array([holder.x, holder.y]) + rng.uniform(-0.3, 0.3, 2) * holder.scale
    return replace(thing, colour=_pick(colours, rng), x=float(x), y=float(y))


def _apart(one: Thing, other: Thing) -> float:
    """How far apart in the mean of their half extents; at 2 their boxes touch."""
    return 2 * max(abs(one.x - other.x), abs(one.y - other.y)) / (one.scale + other.scale)


def _true(thing: Thing, rng: np.random.Generator) -> _Drawn:
    layers = placed(thing)
    if rng.random() < WOBBLED:
        layers = wobbled(layers, thing, rng, rng.uniform(0, 0.14))
    shown = Shown(thing.kind, thing.colour, thing.x, thing.y, thing.scale)
    return _Drawn(layers, shaded(thing.colour, thing.shade), shown)


def _perhaps_false(thing: Thing, world: World, rng: np.random.Generator) -> _Drawn:
    drawn = _false(thing, world, rng) if rng.random() < IMPOSTORS else _true(thing, rng)
    if rng.random() < NAMELESS:
        drawn = drawn._replace(rgb=nameless_colour(rng), shown=drawn.shown._replace(colour=None))
    return drawn


def _false(thing: Thing, world: World, rng: np.random.Generator) -> _Drawn:
    true = _true(thing, rng)
    other = _pick([kind for kind in world.kinds if kind != thing.kind], rng)
    return true._replace(layers=impostor(thing, other, rng), shown=true.shown._replace(kind=None))


def _painted(drawn: list[_Drawn], style: str, setting: str, rng: np.random.Generator) -> Sample:
    picture = paint_setting(setting, SIDE * FINENESS, wash(style), rng)
    for each in reversed(drawn):
        paint_thing(style, picture, each.layers, each.rgb, rng)
    pixels = np.asarray(finished(style, picture).reduce(FINENESS))
    return Sample(pixels, tuple(each.shown for each in drawn), style, setting)


def _pick(words: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
    return words[rng.integers(len(words))]
