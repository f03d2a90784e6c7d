"""The words of the world of scenes: what can be in a picture, and where.

A scene is one thing, or two things in a relation, on a plain background. Coordinates run from 0 at the left and top
edge to 1 at the right and bottom edge, whatever the size of the picture in pixels.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Size = Literal["small", "large"]

SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "ring", "moon", "sword", "skull")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
SIZES: tuple[Size, ...] = get_args(Size)
BACKGROUNDS = ("white", "grey", "light blue", "beige")
RELATIONS = ("left of", "right of", "above", "below")
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

OFF_CENTRE = 0.1
"""A thing further than this from the centre line is said to be at that side of the picture."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One coloured shape.

    `x` and `y` are its centre and `scale` half its extent, all as fractions of the picture's side. `shade` in [-1, 1]
    makes its colour a little darker or lighter.
    """

    shape: str
    colour: str
    size: Size
    x: float
    y: float
    scale: float
    shade: float = 0.0

    def __post_init__(self) -> None:
        _known("shape", self.shape, SHAPES)
        _known("colour", self.colour, COLOURS)
        _known("size", self.size, SIZES)

    @property
    def place(self) -> str | None:
        """The side or corner it is in, such as `top left`; None near the centre."""
        vertical = _side(self.y, "top", "bottom")
        horizontal = _side(self.x, "left", "right")
        return " ".join(side for side in (vertical, horizontal) if side) or None


@dataclass(frozen=True, slots=True)
class Scene:
    """A background with one thing, or with two; `relation` says where `things[0]` is, seen from `things[1]`."""

    background: str
    things: tuple[Thing, ...]
    relation: str | None

    def __post_init__(self) -> None:
        _known("background", self.background, BACKGROUNDS)
        if len(self.things) not in (1, 2):
            raise ValueError(f"a scene has one or two things, not {len(self.things)}")
        if len(self.things) == 1 and self.relation is not None:
            raise ValueError(f"one thing alone is not {self.relation!r} anything; give relation=None")
        if len(self.things) == 2:
            _known("relation", self.relation, RELATIONS)


def _known(kind: str, value: str | None, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"unknown {kind} {value!r}; known are {', '.join(words)}")


def _side(coordinate: float, low: str, high: str) -> str | None:
    if abs(coordinate - 0.5) <= OFF_CENTRE:
        return None
    return low if coordinate < 0.5 else high
