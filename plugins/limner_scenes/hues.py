"""Pictures with their hues turned, so that a kind is learnt apart from its colours.

Training shows no cat in red, and a network that only ever sees kinds in the colours they may have learns from that that what is
red is no cat. Seen in many hues without a name, a kind is known in any; but no turn brings a thing near a colour that is held
out on its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner_scenes.facts import FACTS
from limner_scenes.palette import COLOUR_RGB
from limner_scenes.scene import COLOURS, Scene
from limner_scenes.splits import held_out

KEPT = np.array([not any(word in fact for word in ("colour", "names", "setting")) for fact in FACTS])
"""The facts that a turn of hues leaves: a night sky turned green is none."""

GREY = np.full((3, 3), 1 / 3)
"""Takes a colour to the grey that is as bright."""
AROUND = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
"""Takes a colour a quarter turn around grey; with the part off grey, these span all turns."""

GREY_SHARE = 0.15
LEAST, MOST = 0.35, 1.2
"""How vivid a turned picture is, beside what it was."""
TRIES = 6
"""After so many turns that came too near to what is held out, a picture goes grey."""
NEAR = 70.0
"""In sRGB, how far a turned colour stays at least from one that is held out."""
CLEARLY = 1.25
"""How many times as far it is from there as from the nearest colour."""


class Turns(NamedTuple):
    """`matrices` (n, 3, 3) float32 turn the RGB of each picture; `kept` (facts,) bool are those that stay as they were."""

    matrices: NDArray[np.float32]
    kept: NDArray[np.bool_]


def turns(scenes: Sequence[Scene], rng: np.random.Generator) -> Turns:
    """Draw a turn for each scene."""
    return Turns(np.stack([_turn(scene, rng) for scene in scenes]).astype(np.float32), KEPT)


def _turn(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() >= GREY_SHARE:
        for _ in range(TRIES):
            matrix = turn(rng.uniform(0, 2 * np.pi), rng.uniform(LEAST, MOST))
            if all(_allowed(matrix @ COLOUR_RGB[thing.colour], thing.kind) for thing in scene.things):
                return matrix
    return GREY


def turn(angle: float, vividness: float) -> NDArray[np.float64]:
    """The matrix (3, 3) that turns RGB around grey by an angle in radians, and its distance from grey by a factor."""
    matrix: NDArray[np.float64] = GREY + vividness * (np.cos(angle) * (np.eye(3) - GREY) + np.sin(angle) * AROUND)
    return matrix


def _allowed(rgb: NDArray[np.float64], kind: str) -> bool:
    """Whether nobody could take a colour for one that is held out on the kind."""
    distances = np.linalg.norm(np.clip(rgb, 0, 255) - _named(), axis=1)
    barred = distances[_barred(kind)]
    return not bool((barred < max(NEAR, CLEARLY * distances.min())).any())


@cache
def _named() -> NDArray[np.float64]:
    return np.array([COLOUR_RGB[colour] for colour in COLOURS], np.float64)


@cache
def _barred(kind: str) -> NDArray[np.bool_]:
    """(colours,): which are held out on a kind."""
    return np.array([(colour, kind) in held_out().names for colour in COLOURS])
