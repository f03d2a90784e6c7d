"""Polygons to draw things with, in the square from (-1, -1) to (1, 1), y downwards."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
DARK, LIGHT = -0.5, 0.6


class Layer(NamedTuple):
    """A polygon of shape (n, 2), and how light it is.

    `tone` is 0 in the thing's own colour, above 0 lighter, below darker; None cuts the polygon out of what is there. Layers of
    the own colour and cuts are drawn first, in order; lighter and darker details over them.
    """

    points: Points
    tone: float | None = 0.0


Layers = tuple[Layer, ...]
Drawing = Callable[[float], Layers]
"""A thing as a function of its pose in [-1, 1]."""


def polygon(*points: tuple[float, float], tone: float | None = 0.0) -> Layer:
    """A polygon by its corners."""
    return Layer(np.array(points, np.float64), tone)


def box(left: float, top: float, right: float, bottom: float, tone: float | None = 0.0) -> Layer:
    """An upright rectangle."""
    return polygon((left, top), (right, top), (right, bottom), (left, bottom), tone=tone)


def ellipse(x: float, y: float, across: float, down: float | None = None, tone: float | None = 0.0, corners: int = 40) -> Layer:
    """An ellipse by its centre and half axes; a circle where only one is given."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return Layer(np.stack([x + across * np.cos(angle), y + (down or across) * np.sin(angle)], axis=1), tone)


def limb(x0: float, y0: float, x1: float, y1: float, width: float, tone: float | None = 0.0) -> Layer:
    """A straight stroke of a width, with round ends."""
    along = np.arctan2(y1 - y0, x1 - x0)
    half_turn = np.linspace(-np.pi / 2, np.pi / 2, 7)
    near, far = along + np.pi + half_turn, along + half_turn
    start = np.stack([x0 + width / 2 * np.cos(near), y0 + width / 2 * np.sin(near)], axis=1)
    end = np.stack([x1 + width / 2 * np.cos(far), y1 + width / 2 * np.sin(far)], axis=1)
    return Layer(np.concatenate([end, start]), tone)
