"""Reading a picture back into things, and judging whether it shows what a scene asks for.

The checker knows the palette and the silhouettes, and nothing of any model: no weights, no captions, no scene enters
`read`. Why it may be trusted: on held-out renders it accepts the true caption and refuses one with a single attribute
or the relation changed, both at 98 % or better, blurred and noisy ones included; where it is unsure of a colour or a
shape it says so, and what is unsure never counts as right. Both rates are measured anew, by
`limner_scenes.checker_errors`, each time a model is evaluated, and printed beside the model's.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from limner_scenes.perceptual import name_colour
from limner_scenes.scene import Scene
from limner_scenes.segmentation import Segment, segments
from limner_scenes.templates import centre, likeness

Fault = Literal["count", "unsure", "shape", "colour", "binding", "relation"]

LEAST_DISTANCE = 0.1
"""Two things nearer than this along the asked direction, as a share of the side, are in no relation."""


@dataclass(frozen=True, slots=True)
class ReadThing:
    """One thing as read: None for a shape or colour the reader is unsure of; `x` and `y` are its centre of mass.

    `likely_shape` is the nearest shape all the same, with its similarity in [0, 1] and its lead over the next.
    """

    shape: str | None
    colour: str | None
    x: float
    y: float
    area: float
    likely_shape: str
    similarity: float
    lead: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a picture shows, largest thing first."""

    things: tuple[ReadThing, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture shows a scene, task by task; None where the scene does not set the task.

    `single`: exactly one thing, right in colour and shape. `pair`: exactly two things, each with its own colour and
    shape. `relation`: the pair, and in the asked relation. `fault` is the first thing wrong, if any.
    """

    single: bool | None
    pair: bool | None
    relation: bool | None
    fault: Fault | None


def read(image: NDArray[np.uint8]) -> Reading:
    """Read a square sRGB image of shape (n, n, 3), n at least 32.

    Raises ValueError for an array of any other form.
    """
    things = [_read_thing(segment) for segment in segments(image)]
    return Reading(tuple(sorted(things, key=lambda thing: -thing.area)))


def judge(shown: Reading | NDArray[np.uint8], asked: Scene) -> Verdict:
    """Judge a reading, or an image still to be read, against the scene that was asked for."""
    reading = shown if isinstance(shown, Reading) else read(shown)
    fault = _fault(reading.things, asked)
    if len(asked.things) == 1:
        return Verdict(fault is None, None, None, fault)
    return Verdict(None, fault in (None, "relation"), fault is None, fault)


def _read_thing(segment: Segment) -> ReadThing:
    x, y = centre(segment.cover)
    found = likeness(segment.cover)
    colour = name_colour(segment.rgb)
    return ReadThing(found.name, colour, x, y, float(segment.cover.mean()), found.shape, found.similarity, found.lead)


def _fault(things: tuple[ReadThing, ...], asked: Scene) -> Fault | None:
    if len(things) != len(asked.things):
        return "count"
    if any(thing.shape is None or thing.colour is None for thing in things):
        return "unsure"
    if sorted(str(thing.shape) for thing in things) != sorted(thing.kind for thing in asked.things):
        return "shape"
    if sorted(str(thing.colour) for thing in things) != sorted(thing.colour for thing in asked.things):
        return "colour"
    placed = {(thing.colour, thing.shape): thing for thing in things}
    if placed.keys() != {thing.name for thing in asked.things}:
        return "binding"
    if asked.relation is None:
        return None
    first, second = (placed[thing.name] for thing in asked.things)
    return None if _holds(asked.relation, first, second) else "relation"


def _holds(relation: str, first: ReadThing, second: ReadThing) -> bool:
    across, down = second.x - first.x, second.y - first.y
    along, beside = (across, down) if relation.endswith(" of") else (down, across)
    if relation in ("right of", "below"):
        along = -along
    return along >= LEAST_DISTANCE and along > abs(beside)
