"""Drawing scenes at random, each split from its own part of the world."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from limner_scenes.relations import admits, arranged, at, inside_picture
from limner_scenes.scene import GROUNDS, Scene, Size, Thing
from limner_scenes.splits import has_held_out_names, is_held_out
from limner_scenes.worlds import SHIPPED, World

Split = Literal["train", "seen", "unseen"]
Layout = Literal["one", "two", "several"]

SCALES: dict[Size, tuple[float, float]] = {"small": (0.18, 0.215), "large": (0.31, 0.36)}
"""Half extents of a thing alone: about 12 and 21 pixels across at 32 px."""
SHARES: dict[Layout, float] = {"one": 0.4, "two": 0.42, "several": 0.18}
PLAIN_GROUND = 0.7
FLAT = 0.55
MARGIN = 0.025
UNSEEN_ON = frozenset({("night sky", "black"), ("city lights", "black")})
"""Colours that a setting would swallow."""
_CELLS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_SEVERAL = {
    2: (((0.26, 0.5), (0.74, 0.5)), ((0.5, 0.26), (0.5, 0.74)), ((0.27, 0.27), (0.73, 0.73))),
    3: (((0.5, 0.26), (0.26, 0.73), (0.74, 0.73)), ((0.26, 0.27), (0.74, 0.27), (0.5, 0.74))),
    4: (((0.26, 0.26), (0.74, 0.26), (0.26, 0.74), (0.74, 0.74)),),
}


def sample_scene(rng: np.random.Generator, split: Split, *, world: World = SHIPPED, layout: Layout | None = None) -> Scene:
    """Draw a scene of one thing, of two in a relation, or of several alike; any of them where `layout` is not given.

    `train` gives scenes that training may show. `seen` gives scenes of trained names alone; two things, or several, only in
    held-out combinations. `unseen` gives scenes whose first thing has a colour that its kind never has in training.
    """
    while True:
        scene = sample_any(rng, world, layout)
        if _belongs(scene, split):
            return scene


def sample_any(rng: np.random.Generator, world: World, layout: Layout | None = None) -> Scene:
    """Draw a scene of the world, whatever split it belongs to."""
    return _DRAWS[layout or _layout(rng, world)](rng, world)


def sample_thing(rng: np.random.Generator, world: World, setting: str) -> Thing:
    """Draw a thing that can be seen in a setting; small, in the middle."""
    colours = tuple(colour for colour in world.colours if (setting, colour) not in UNSEEN_ON)
    shade, pose, proportion = rng.uniform(-1, 1, 3) * (1, world.variation, world.variation)
    turned = bool(rng.random() < 0.5 * world.variation)
    scale = rng.uniform(*SCALES["small"])
    return Thing(_pick(rng, world.kinds), _pick(rng, colours), "small", 0.5, 0.5, scale, shade, pose, proportion, turned)


def several(thing: Thing, count: int, rng: np.random.Generator) -> tuple[Thing, ...]:
    """That many things of the same colour and kind, apart from each other."""
    spots = _SEVERAL[count][rng.integers(len(_SEVERAL[count]))]
    scale = rng.uniform(0.18, 0.205)
    alike = [replace(thing, pose=float(pose), proportion=float(broad)) for pose, broad in rng.uniform(-1, 1, (count, 2))]
    shifts = rng.uniform(-0.015, 0.015, (count, 2))
    return tuple(at(one, x + dx, y + dy, scale) for one, (x, y), (dx, dy) in zip(alike, spots, shifts, strict=True))


def alone(thing: Thing, rng: np.random.Generator) -> Thing:
    """The thing somewhere in a picture of its own, small or large."""
    size: Size = "large" if rng.random() < 0.65 else "small"
    scale = rng.uniform(*SCALES[size])
    if rng.random() < 0.7:
        x, y = rng.uniform(0.45, 0.55, 2)
    else:
        column, row = _CELLS[rng.integers(len(_CELLS))]
        x, y = _towards(column, scale, rng), _towards(row, scale, rng)
    return inside_picture(replace(at(thing, x, y, scale), size=size))


def _belongs(scene: Scene, split: Split) -> bool:
    if split == "train":
        return not is_held_out(scene)
    if split == "seen":
        return not has_held_out_names(scene) and (len(scene.things) == 1 or is_held_out(scene))
    return has_held_out_names(Scene(scene.setting, scene.things[:1], None))


def _layout(rng: np.random.Generator, world: World) -> Layout:
    shares = {layout: share for layout, share in SHARES.items() if layout != "several" or len(world.counts) > 1}
    drawn = rng.random() * sum(shares.values())
    for layout, share in shares.items():
        drawn -= share
        if drawn < 0:
            return layout
    return "one"


def _one(rng: np.random.Generator, world: World) -> Scene:
    setting = _setting(rng, world)
    return _scene(rng, world, setting, (alone(sample_thing(rng, world, setting), rng),), None)


def _two(rng: np.random.Generator, world: World) -> Scene:
    setting, relation = _setting(rng, world), _pick(rng, world.relations)
    while True:
        first, second = sample_thing(rng, world, setting), sample_thing(rng, world, setting)
        hidden = relation in ("inside", "in front of", "riding") and first.colour == second.colour
        if first.name != second.name and not hidden and admits(relation, first.kind, second.kind):
            return _scene(rng, world, setting, arranged(first, relation, second, rng), relation)


def _several(rng: np.random.Generator, world: World) -> Scene:
    setting = _setting(rng, world)
    count = int(rng.choice([count for count in world.counts if count > 1]))
    return _scene(rng, world, setting, several(sample_thing(rng, world, setting), count, rng), None)


_DRAWS: dict[Layout, Callable[[np.random.Generator, World], Scene]] = {"one": _one, "two": _two, "several": _several}


def _scene(rng: np.random.Generator, world: World, setting: str, things: tuple[Thing, ...], relation: str | None) -> Scene:
    style = "flat" if rng.random() < FLAT else _pick(rng, world.styles)
    return Scene(setting, things, relation, style, int(rng.integers(2**31)))


def _setting(rng: np.random.Generator, world: World) -> str:
    places = tuple(setting for setting in world.settings if setting not in GROUNDS)
    if not places or rng.random() < PLAIN_GROUND:
        return _pick(rng, tuple(setting for setting in world.settings if setting in GROUNDS))
    return _pick(rng, places)


def _towards(side: int, scale: float, rng: np.random.Generator) -> float:
    if side == 0:
        return float(rng.uniform(0.45, 0.55))
    furthest = 0.5 - scale - MARGIN
    return float(0.5 + side * rng.uniform(max(0.12, furthest - 0.04), max(0.125, furthest)))


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[rng.integers(len(words))]
