"""Whether a relation holds between two things, told from where they are and how large.

The box of a thing is that of its kind's outline, in the middle of what the kind may vary, at the place and size that were read.
"""

from collections.abc import Callable
from typing import NamedTuple

from limner_scenes.reader.reading import ReadThing
from limner_scenes.scene import Thing
from limner_scenes.silhouettes import extent

LEAST_DISTANCE = 0.1
"""Two things nearer than this along the asked direction, as a share of the side, are in no relation of direction."""
RESTING = (-0.05, 0.08)
"""How far a thing may reach into the one it is on; below 0 is a gap…"""
SEATED = (0.08, 0.3)
"""…and how far into the one it rides on."""
WITHIN_REACH = 0.06
"""A thing further than this from who holds it is not held."""
HIDDEN = 0.1
"""A thing in front of another covers at least this share of the smaller one's box."""


class Box(NamedTuple):
    """Left, top, right and bottom, as fractions of the picture's side."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """0 where the box is empty."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


def box(thing: ReadThing) -> Box:
    """The box around a thing; a square one where its kind was not read."""
    if thing.kind is None:
        return Box(thing.x - thing.scale, thing.y - thing.scale, thing.x + thing.scale, thing.y + thing.scale)
    return Box(*extent(Thing(thing.kind, "black", "small", thing.x, thing.y, thing.scale)))


def holds(relation: str, first: ReadThing, second: ReadThing) -> bool:
    """Whether the first thing is in this relation to the second."""
    return _HOLDS[relation](first, second)


def gap(first: ReadThing, second: ReadThing) -> float:
    """How far apart two boxes are across or down, whichever is more; below 0 where they overlap."""
    one, other = box(first), box(second)
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, down)


def inside(first: ReadThing, second: ReadThing) -> bool:
    """Whether the first thing is much smaller than the second and lies within its box."""
    one, other = box(first), box(second)
    return first.scale < 0.6 * second.scale and shared(one, other) > 0.85 * one.area


def shared(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    corners = max(one.left, other.left), max(one.top, other.top), min(one.right, other.right), min(one.bottom, other.bottom)
    return Box(*corners).area


def _left(first: ReadThing, second: ReadThing) -> bool:
    across = second.x - first.x
    return across >= LEAST_DISTANCE and across > abs(second.y - first.y)


def _above(first: ReadThing, second: ReadThing) -> bool:
    down = second.y - first.y
    return down >= LEAST_DISTANCE and down > abs(second.x - first.x)


def _on(first: ReadThing, second: ReadThing) -> bool:
    return _over(first, second) and RESTING[0] <= box(first).bottom - box(second).top < RESTING[1]


def _riding(first: ReadThing, second: ReadThing) -> bool:
    return _over(first, second) and SEATED[0] <= box(first).bottom - box(second).top <= SEATED[1]


def _over(first: ReadThing, second: ReadThing) -> bool:
    return first.y < second.y and abs(first.x - second.x) < 0.6 * second.scale


def _holding(first: ReadThing, second: ReadThing) -> bool:
    beside = abs(second.x - first.x) > 0.5 * first.scale and abs(second.y - first.y) < first.scale
    return beside and second.scale < first.scale and gap(first, second) <= WITHIN_REACH


def _in_front(first: ReadThing, second: ReadThing) -> bool:
    one, other = box(first), box(second)
    return one.bottom > other.bottom and shared(one, other) >= HIDDEN * min(one.area, other.area)


_HOLDS: dict[str, Callable[[ReadThing, ReadThing], bool]] = {
    "left of": _left,
    "right of": lambda first, second: _left(second, first),
    "above": _above,
    "below": lambda first, second: _above(second, first),
    "on": _on,
    "riding": _riding,
    "inside": inside,
    "holding": _holding,
    "in front of": _in_front,
}
