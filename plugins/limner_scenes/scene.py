"""The words of the world of scenes: what can be in a picture, and where.

A scene is one thing, two things in a relation, or several alike, in a setting and a style. Coordinates run from 0 at the left
and top edge to 1 at the right and bottom edge, whatever the size of the picture in pixels.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Size = Literal["small", "large"]

FIGURES = ("astronaut", "robot")
ANIMALS = ("horse", "cat", "bird", "fish")
OBJECTS = ("house", "tree", "boat", "car", "rocket", "laptop", "umbrella", "cup")
SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "ring", "moon", "ball", "cube")
STOPPED = ("sword", "skull")
"""What the standard policy stops."""
KINDS = (*FIGURES, *ANIMALS, *OBJECTS, *SHAPES, *STOPPED)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "brown", "turquoise")
SIZES: tuple[Size, ...] = get_args(Size)
GROUNDS = ("white", "grey", "light blue", "beige")
"""Settings that are one plain colour."""
PLACES = ("night sky", "city lights", "sea", "meadow", "snow")
"""Settings that show something themselves."""
SETTINGS = (*GROUNDS, *PLACES)
STYLES = ("flat", "pencil drawing", "watercolour", "pixel art", "shaded 3-D")
RELATIONS = ("left of", "right of", "above", "below", "on", "inside", "riding", "holding", "in front of")
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
MOST = 4
"""No scene shows more things than this."""

OFF_CENTRE = 0.1
"""A thing further than this from the centre line is said to be at that side of the picture."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One coloured thing.

    `x` and `y` are its centre and `scale` half its extent, all as fractions of the picture's side. The rest is variation within
    a kind, each in [-1, 1]: `shade` makes its colour a little darker or lighter, `pose` moves its limbs or tilts it,
    `proportion` makes it broader or taller; `mirrored` turns it to the left.
    """

    kind: str
    colour: str
    size: Size
    x: float
    y: float
    scale: float
    shade: float = 0.0
    pose: float = 0.0
    proportion: float = 0.0
    mirrored: bool = False

    def __post_init__(self) -> None:
        _known("kind", self.kind, KINDS)
        _known("colour", self.colour, COLOURS)
        _known("size", self.size, SIZES)

    @property
    def name(self) -> tuple[str, str]:
        """Its colour and kind."""
        return self.colour, self.kind

    @property
    def place(self) -> str | None:
        """The side or corner it is in, such as `top left`; None near the centre."""
        vertical = _side(self.y, "top", "bottom")
        horizontal = _side(self.x, "left", "right")
        return " ".join(side for side in (vertical, horizontal) if side) or None


@dataclass(frozen=True, slots=True)
class Scene:
    """A setting with things in it, drawn in a style.

    One thing; or two of which `relation` says how `things[0]` stands to `things[1]`; or, without a relation, two to four of one
    colour and kind. `detail` seeds what nobody names: where clouds are, how strokes run.
    """

    setting: str
    things: tuple[Thing, ...]
    relation: str | None
    style: str = "flat"
    detail: int = 0

    def __post_init__(self) -> None:
        _known("setting", self.setting, SETTINGS)
        _known("style", self.style, STYLES)
        if not 1 <= len(self.things) <= MOST:
            raise ValueError(f"a scene has one to {MOST} things, not {len(self.things)}")
        if self.relation is not None:
            _known("relation", self.relation, RELATIONS)
            if len(self.things) != 2:
                raise ValueError(f"{self.relation!r} holds between two things, not {len(self.things)}; give relation=None")
        elif len({thing.name for thing in self.things}) > 1:
            raise ValueError("things that differ stand in a relation; several without one are of one colour and kind")


def _known(what: str, value: str | None, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"unknown {what} {value!r}; known are {', '.join(words)}")


def _side(coordinate: float, low: str, high: str) -> str | None:
    if abs(coordinate - 0.5) <= OFF_CENTRE:
        return None
    return low if coordinate < 0.5 else high
