"""Which two kinds can stand in a relation, and where two things then are."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from limner_scenes.scene import FIGURES, Thing
from limner_scenes.silhouettes import extent

Two = tuple[Thing, Thing]

RIDERS = ("astronaut", "robot", "cat", "bird")
MOUNTS = ("horse", "fish", "boat", "car", "rocket")
CONTAINERS = ("house", "circle", "square", "heart", "ring", "ball")
HELD = ("fish", "umbrella", "cup", "laptop", "circle", "star", "heart", "ball", "cube", "sword")
SUPPORTS = ("house", "car", "horse", "laptop", "cup", "square", "circle", "heart", "cube", "ball", "skull", "cross")

BESIDE = (0.19, 0.215)
"""Half extents of two things next to each other."""
EDGE = 0.015
"""Nothing is nearer to the picture's edge than this."""

_ADMITTED: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...] | None]] = {
    "on": (None, SUPPORTS),
    "riding": (RIDERS, MOUNTS),
    "inside": (None, CONTAINERS),
    "holding": (FIGURES, HELD),
}


def admits(relation: str, first: str, second: str) -> bool:
    """Whether the world shows the first kind in that relation to the second."""
    firsts, seconds = _ADMITTED.get(relation, (None, None))
    return (firsts is None or first in firsts) and (seconds is None or second in seconds)


def arranged(first: Thing, relation: str, second: Thing, rng: np.random.Generator) -> Two:
    """The two things, moved and scaled so that the relation holds."""
    return _ARRANGED[relation](first, second, rng)


def at(thing: Thing, x: float, y: float, scale: float) -> Thing:
    """The thing somewhere else, at another size."""
    return replace(thing, x=float(x), y=float(y), scale=float(scale), size="large" if scale > 0.26 else "small")


def inside_picture(thing: Thing) -> Thing:
    """The thing, moved no further than it takes to lie within the picture."""
    left, top, right, bottom = extent(thing)
    across = max(EDGE - left, 0.0) - max(right - 1 + EDGE, 0.0)
    down = max(EDGE - top, 0.0) - max(bottom - 1 + EDGE, 0.0)
    return replace(thing, x=thing.x + across, y=thing.y + down)


def _left(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    (x0, x1), (y0, y1) = _two_along(rng), rng.uniform(0.44, 0.56, 2)
    return at(first, x0, y0, rng.uniform(*BESIDE)), at(second, x1, y1, rng.uniform(*BESIDE))


def _above(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    (y0, y1), (x0, x1) = _two_along(rng), rng.uniform(0.44, 0.56, 2)
    return at(first, x0, y0, rng.uniform(*BESIDE)), at(second, x1, y1, rng.uniform(*BESIDE))


def _two_along(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0.24, 0.265)), float(rng.uniform(0.735, 0.76))


def _turned(arrange: Callable[[Thing, Thing, np.random.Generator], Two]) -> Callable[[Thing, Thing, np.random.Generator], Two]:
    def other_way(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
        there, here = arrange(second, first, rng)
        return here, there

    return other_way


def _on(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    return _stacked(first, second, rng, sink=0.012, first_scale=(0.19, 0.215), second_scale=(0.2, 0.225), slip=0.03)


def _riding(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    return _stacked(first, second, rng, sink=0.17, first_scale=(0.21, 0.23), second_scale=(0.28, 0.31), slip=0.02)


def _stacked(
    first: Thing,
    second: Thing,
    rng: np.random.Generator,
    *,
    sink: float,
    first_scale: tuple[float, float],
    second_scale: tuple[float, float],
    slip: float,
) -> Two:
    """The first thing on top of the second, sunk into it by a share of the picture, both in the middle."""
    x = rng.uniform(0.47, 0.53)
    upper = at(first, x + rng.uniform(-slip, slip), 0.3, rng.uniform(*first_scale))
    lower = at(second, x, 0.7, rng.uniform(*second_scale))
    lower = replace(lower, y=lower.y + extent(upper)[3] - sink - extent(lower)[1])
    middle = 0.5 - (extent(upper)[1] + extent(lower)[3]) / 2
    return replace(upper, y=upper.y + middle), replace(lower, y=lower.y + middle)


def _inside(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    x, y = rng.uniform(0.46, 0.54, 2)
    low = {"house": 0.12, "heart": -0.04}.get(second.kind, 0.0)
    return at(first, x, y + low, rng.uniform(0.13, 0.15)), at(second, x, y, rng.uniform(0.38, 0.42))


def _holding(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    side = 1 if rng.random() < 0.5 else -1
    holder = at(first, 0.5 - side * 0.15, rng.uniform(0.47, 0.53), rng.uniform(0.28, 0.31))
    item = at(second, 0.5, holder.y, rng.uniform(0.16, 0.18))
    reach = extent(holder)[2 if side > 0 else 0] - extent(item)[0 if side > 0 else 2]
    return holder, inside_picture(replace(item, x=item.x + reach - side * 0.03, y=holder.y - 0.02))


def _in_front(first: Thing, second: Thing, rng: np.random.Generator) -> Two:
    side = 1 if rng.random() < 0.5 else -1
    behind = at(second, 0.5 - side * rng.uniform(0.09, 0.12), rng.uniform(0.4, 0.45), rng.uniform(0.26, 0.3))
    before = at(first, 0.5 + side * rng.uniform(0.13, 0.16), rng.uniform(0.6, 0.66), rng.uniform(0.24, 0.28))
    return before, behind


_ARRANGED: dict[str, Callable[[Thing, Thing, np.random.Generator], Two]] = {
    "left of": _left,
    "right of": _turned(_left),
    "above": _above,
    "below": _turned(_above),
    "on": _on,
    "riding": _riding,
    "inside": _inside,
    "holding": _holding,
    "in front of": _in_front,
}
