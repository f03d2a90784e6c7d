"""Drawing scenes at random, each split from its own part of the world."""

from typing import Literal

import numpy as np

from limner_scenes.scene import BACKGROUNDS, COLOURS, RELATIONS, SHAPES, Scene, Size, Thing
from limner_scenes.splits import has_held_out_pair, is_held_out

Split = Literal["train", "seen", "unseen"]

SCALES: dict[Size, tuple[float, float]] = {"small": (0.17, 0.205), "large": (0.29, 0.34)}
"""Half extents of a thing alone: about 12 and 20 pixels across at 32 px."""
PAIR_SCALE = (0.17, 0.195)
MARGIN = 0.025
_CELLS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def sample_scene(rng: np.random.Generator, split: Split, *, things: Literal[1, 2] | None = None) -> Scene:
    """Draw a scene of one thing or two, as many of each where `things` is not given.

    `train` gives scenes that training may show. `seen` gives scenes of trained pairs alone, two things only in held-out
    combinations. `unseen` gives scenes whose first thing is a held-out pair.
    """
    while True:
        scene = _pair(rng) if (things or rng.integers(1, 3)) == 2 else _single(rng)
        if _belongs(scene, split):
            return scene


def _belongs(scene: Scene, split: Split) -> bool:
    if split == "train":
        return not is_held_out(scene)
    if split == "seen":
        return not has_held_out_pair(scene) and (scene.relation is None or is_held_out(scene))
    return has_held_out_pair(Scene(scene.background, scene.things[:1], None))


def _single(rng: np.random.Generator) -> Scene:
    size: Size = "large" if rng.random() < 0.6 else "small"
    scale = rng.uniform(*SCALES[size])
    if rng.random() < 0.7:
        x, y = rng.uniform(0.45, 0.55, 2)
    else:
        column, row = _CELLS[rng.integers(1, len(_CELLS))]
        x, y = _towards(column, scale, rng), _towards(row, scale, rng)
    return Scene(_pick(rng, BACKGROUNDS), (_thing(rng, size, x, y, scale),), None)


def _towards(side: int, scale: float, rng: np.random.Generator) -> float:
    if side == 0:
        return rng.uniform(0.45, 0.55)
    furthest = 0.5 - scale - MARGIN
    return 0.5 + side * rng.uniform(max(0.12, furthest - 0.04), furthest)


def _pair(rng: np.random.Generator) -> Scene:
    relation = _pick(rng, RELATIONS)
    near = np.array([0.25, 0.75]) + rng.uniform(-0.025, 0.025, 2)
    along = near if relation in ("left of", "above") else near[::-1]
    across = rng.uniform(0.44, 0.56, 2)
    xs, ys = (along, across) if relation.endswith(" of") else (across, along)
    while True:
        first, second = (
            _thing(rng, "small", float(x), float(y), rng.uniform(*PAIR_SCALE)) for x, y in zip(xs, ys, strict=True)
        )
        if (first.colour, first.shape) != (second.colour, second.shape):
            return Scene(_pick(rng, BACKGROUNDS), (first, second), relation)


def _thing(rng: np.random.Generator, size: Size, x: float, y: float, scale: float) -> Thing:
    return Thing(_pick(rng, SHAPES), _pick(rng, COLOURS), size, float(x), float(y), float(scale), rng.uniform(-1, 1))


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[rng.integers(len(words))]
