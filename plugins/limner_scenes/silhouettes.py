"""What each kind of thing looks like, and where its outline lies in a picture."""

import math

import numpy as np

from limner_scenes.creatures import CREATURES
from limner_scenes.objects import OBJECTS_DRAWN
from limner_scenes.outline import Layer, Layers
from limner_scenes.scene import SHAPES, STOPPED, Thing
from limner_scenes.shapes import SHAPES_DRAWN

STRETCH = 0.07
"""How much broader and flatter a proportion of 1 makes a thing."""
TILT = math.radians(6)
"""How far a pose of 1 turns what has no limbs to move."""
_TRUE = frozenset({"circle", "square", "ring", "ball", "cube"})
"""Kinds that would no longer be what they are if they were stretched."""


def silhouette(kind: str, pose: float = 0.0) -> Layers:
    """The layers that make up a thing, in the square from (-1, -1) to (1, 1).

    Raises KeyError for a kind the world does not have.
    """
    return _DRAWN[kind](pose)


def placed(thing: Thing) -> list[Layer]:
    """The layers of a thing where they lie in the picture, 0 to 1."""
    broad = 0.0 if thing.kind in _TRUE else STRETCH * thing.proportion
    turn = TILT * thing.pose if thing.kind in (*SHAPES, *STOPPED) else 0.0
    cos, sin = math.cos(turn) * thing.scale, math.sin(turn) * thing.scale
    across, down = (1 + broad) * (-1 if thing.mirrored else 1), 1 - broad
    matrix = np.array([[across * cos, across * sin], [-down * sin, down * cos]])
    return [Layer(points @ matrix + (thing.x, thing.y), tone) for points, tone in silhouette(thing.kind, thing.pose)]


def extent(thing: Thing) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the smallest upright box around a thing, in the picture, 0 to 1."""
    points = np.concatenate([layer.points for layer in placed(thing) if layer.tone is not None])
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return float(left), float(top), float(right), float(bottom)


_DRAWN = {**CREATURES, **OBJECTS_DRAWN, **SHAPES_DRAWN}
