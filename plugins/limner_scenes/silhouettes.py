"""The outline of each shape, as polygons in the square from (-1, -1) to (1, 1), y downwards.

A silhouette is a list of layers drawn in order: a layer either fills its polygon or cuts it out again.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


class Layer(NamedTuple):
    """A polygon of shape (n, 2), and whether it is filled or cut out."""

    points: Points
    filled: bool = True


@cache
def silhouette(shape: str) -> tuple[Layer, ...]:
    """The layers that make up a shape.

    Raises KeyError for a shape the world does not have.
    """
    return _SILHOUETTES[shape]


def _disc(radius: float, x: float = 0.0, y: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _polygon(*points: tuple[float, float]) -> Points:
    return np.array(points)


def _star() -> Points:
    angle = np.arange(10) * np.pi / 5 - np.pi / 2
    radius = np.where(np.arange(10) % 2 == 0, 1.05, 0.44)
    return np.stack([radius * np.cos(angle), 0.06 + radius * np.sin(angle)], axis=1)


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x / 16.5, -(y + 2.5) / 15.0], axis=1)


def _cross() -> Points:
    arm, half = 0.96, 0.33
    corner = [(half, arm), (half, half), (arm, half)]
    quarter = [(arm, -half), (half, -half), (half, -arm)]
    return _polygon(*corner, *quarter, *[(-x, -y) for x, y in corner], *[(-x, -y) for x, y in quarter])


def _sword() -> Points:
    right = [(0.0, -1.0), (0.24, -0.68), (0.24, 0.3), (0.66, 0.3), (0.66, 0.6), (0.2, 0.6), (0.2, 1.0)]
    return _polygon(*right, *[(-x, y) for x, y in reversed(right[1:])])


def _skull() -> tuple[Layer, ...]:
    jaw = _polygon((-0.52, 0.3), (0.52, 0.3), (0.46, 1.0), (-0.46, 1.0))
    nose = _polygon((0.0, 0.2), (0.16, 0.5), (-0.16, 0.5))
    gaps = [_polygon((x - 0.06, 0.72), (x + 0.06, 0.72), (x + 0.06, 1.1), (x - 0.06, 1.1)) for x in (-0.19, 0.19)]
    cranium = _disc(1.0, 0.0, 0.0) * (0.92, 0.78) - (0.0, 0.22)
    holes = [_disc(0.27, x, -0.12) for x in (-0.4, 0.4)]
    return Layer(cranium), Layer(jaw), *(Layer(hole, False) for hole in (*holes, nose, *gaps))


_SILHOUETTES: dict[str, tuple[Layer, ...]] = {
    "circle": (Layer(_disc(0.95)),),
    "square": (Layer(_polygon((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))),),
    "triangle": (Layer(_polygon((0.0, -0.92), (1.0, 0.86), (-1.0, 0.86))),),
    "star": (Layer(_star()),),
    "heart": (Layer(_heart()),),
    "cross": (Layer(_cross()),),
    "ring": (Layer(_disc(0.97)), Layer(_disc(0.52), False)),
    "moon": (Layer(_disc(0.98, 0.12)), Layer(_disc(0.82, 0.52, -0.1), False)),
    "sword": (Layer(_sword()),),
    "skull": _skull(),
}
