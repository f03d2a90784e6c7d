"""The plain shapes, and the two things that policy stops."""

import numpy as np

from limner_scenes.outline import DARK, LIGHT, Drawing, Layer, Layers, box, ellipse, polygon


def _circle(_: float) -> Layers:
    return (ellipse(0, 0, 0.95, corners=72),)


def _square(_: float) -> Layers:
    return (box(-0.85, -0.85, 0.85, 0.85),)


def _triangle(_: float) -> Layers:
    return (polygon((0.0, -0.92), (1.0, 0.86), (-1.0, 0.86)),)


def _star(_: float) -> Layers:
    angle = np.arange(10) * np.pi / 5 - np.pi / 2
    radius = np.where(np.arange(10) % 2 == 0, 1.05, 0.44)
    return (Layer(np.stack([radius * np.cos(angle), 0.06 + radius * np.sin(angle)], axis=1)),)


def _heart(_: float) -> Layers:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return (Layer(np.stack([x / 16.5, -(y + 2.5) / 15.0], axis=1)),)


def _cross(_: float) -> Layers:
    arm, half = 0.96, 0.33
    corner = [(half, arm), (half, half), (arm, half)]
    quarter = [(arm, -half), (half, -half), (half, -arm)]
    return (polygon(*corner, *quarter, *[(-x, -y) for x, y in corner], *[(-x, -y) for x, y in quarter]),)


def _ring(_: float) -> Layers:
    return ellipse(0, 0, 0.97, corners=72), ellipse(0, 0, 0.52, tone=None, corners=72)


def _moon(_: float) -> Layers:
    return ellipse(0.12, 0, 0.98, corners=72), ellipse(0.52, -0.1, 0.82, tone=None, corners=72)


def _ball(pose: float) -> Layers:
    turn = 0.25 * pose
    band = polygon((-0.93, -0.2 + turn), (0.93, -0.2 - turn), (0.93, 0.2 - turn), (-0.93, 0.2 + turn), tone=LIGHT)
    return ellipse(0, 0, 0.95, corners=72), band, ellipse(0, 0, 0.3, tone=DARK)


def _cube(pose: float) -> Layers:
    inner = 0.15 * pose
    left, right, back = (-0.9, -0.45), (0.9, -0.45), (-inner, -0.95)
    front, low = (inner, 0.0), (inner, 1.0)
    top = polygon(left, back, right, front, tone=LIGHT)
    side = polygon(front, right, (0.9, 0.5), low, tone=DARK)
    return polygon(left, back, right, (0.9, 0.5), low, (-0.9, 0.5)), top, side


def _sword(_: float) -> Layers:
    right = [(0.0, -1.0), (0.24, -0.68), (0.24, 0.3), (0.66, 0.3), (0.66, 0.6), (0.2, 0.6), (0.2, 1.0)]
    return (polygon(*right, *[(-x, y) for x, y in reversed(right[1:])]),)


def _skull(_: float) -> Layers:
    jaw = polygon((-0.52, 0.3), (0.52, 0.3), (0.46, 1.0), (-0.46, 1.0))
    nose = polygon((0.0, 0.2), (0.16, 0.5), (-0.16, 0.5), tone=None)
    gaps = [box(x - 0.06, 0.72, x + 0.06, 1.1, tone=None) for x in (-0.19, 0.19)]
    cranium = ellipse(0, -0.22, 0.92, 0.78, corners=72)
    return cranium, jaw, *(ellipse(x, -0.12, 0.27, tone=None) for x in (-0.4, 0.4)), nose, *gaps


SHAPES_DRAWN: dict[str, Drawing] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
    "ring": _ring,
    "moon": _moon,
    "ball": _ball,
    "cube": _cube,
    "sword": _sword,
    "skull": _skull,
}
"""Each shape by its kind, as a function of a pose that few of them use."""
