"""Where a picture lies in another: found coarsely by correlation, then fitted to a fraction of a pixel.

Both are brought to the scale at which the longer side of the whole has SIDE pixels. The part is looked for upright inside the
whole and around it, then turned by up to 13 degrees, then turned by right angles and mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from limner.inspection.filters import Array, grid, mapped, resized, sampled, window_sums, within
from limner.inspection.fitting import fitted

SIDE = 128  # pixels of the whole's longer side, when they are compared
COARSE = 64  # and when its place is looked for
LEAST = 8  # pixels: what is smaller has no place
SHARES = tuple(step / 100 for step in range(100, 44, -3))  # of the whole's width that the part may be, and the other way round
TURNS = (-4, 4, -8, 8, -12, 12)  # degrees; fitting makes good for what lies between
LIKELY = 0.5  # correlation: hardly reached by other pictures; upright, the best two are tried in any case
MIDDLE = 0.72  # of its sides: what a picture turned by those still fills

Picture = PIL.Image.Image
Transpose = PIL.Image.Transpose
FLIPS = (
    Transpose.FLIP_LEFT_RIGHT,
    Transpose.ROTATE_90,
    Transpose.ROTATE_180,
    Transpose.ROTATE_270,
    Transpose.FLIP_TOP_BOTTOM,
    Transpose.TRANSPOSE,
    Transpose.TRANSVERSE,
)


@dataclass(frozen=True, slots=True)
class Placement:
    """A part laid on a whole: its pixel (x, y) is at `matrix @ (x, y, 1)` of the whole.

    `part` and `whole` are (rows, columns, 3), 0 to 255, at one scale; `flip` is what was done to the part before.
    """

    part: Array
    whole: Array
    matrix: Array
    flip: Transpose | None = None

    def laid(self, whole: Array) -> Array:
        """What the whole, or pixels that belong to its own, have at the part's pixels."""
        return sampled(whole, *self._places())

    def near(self, reach: float) -> NDArray[np.bool_]:
        """Which of the part's pixels lie in the whole, or within so many pixels of it."""
        return within(self.whole.shape, *self._places(), reach)

    def _places(self) -> tuple[Array, Array]:
        return mapped(self.matrix, *grid(self.part.shape))


@dataclass(frozen=True, slots=True)
class _Guess:
    """How well a part matches; its centre, and the size of its pixels, in those of the whole; degrees by which it is turned."""

    correlation: float
    x: float
    y: float
    scale: float
    turn: float = 0.0

    def matrix(self, part: Array, shrunk: float) -> Array:
        """For a part scaled to the whole's scale, both shrunk by as much."""
        cosine, sine = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        turned = np.array([[cosine, sine], [-sine, cosine]])
        centre = np.array([(part.shape[1] - 1) / 2, (part.shape[0] - 1) / 2])
        moved = np.array([self.x, self.y]) * shrunk - 0.5 - turned @ centre
        return np.column_stack([turned, moved])


def placements(part: Picture, whole: Picture) -> Iterator[Placement]:
    """Where RGB pictures may lie in each other, the likeliest first; nothing where they fit nowhere."""
    shrunk = SIDE / max(whole.size)
    pixels = _shrunk(whole, shrunk)
    for flip, upright, guess in _all_guesses(part, whole):
        scaled = _shrunk(upright, guess.scale * shrunk)
        matrix = fitted(scaled.mean(axis=2), pixels.mean(axis=2), guess.matrix(scaled, shrunk))
        if matrix is not None:
            yield Placement(scaled, pixels, matrix, flip)


def _all_guesses(part: Picture, whole: Picture) -> Iterator[tuple[Transpose | None, Picture, _Guess]]:
    """With each, what was done to the part, and what it became."""
    upright = [*_inside(part, whole, -1.0)[:2], *_around(part, whole, LIKELY)[:1]]
    yield from ((None, part, guess) for guess in upright)
    for turn in TURNS:
        yield from ((None, part, guess) for guess in _turned(part, whole, turn)[:1])
    likelier = max([LIKELY, *(guess.correlation for guess in upright)])
    for flip in FLIPS:
        flipped = part.transpose(flip)
        yield from ((flip, flipped, guess) for guess in _inside(flipped, whole, likelier)[:1])


def _shrunk(picture: Picture, by: float) -> Array:
    return resized(picture, *(max(LEAST, round(side * by)) for side in picture.size))


def _inside(part: Picture, whole: Picture, least: float) -> list[_Guess]:
    height = part.height / part.width
    return [
        _Guess(at.correlation, at.x + at.width / 2, at.y + at.width * height / 2, at.width / part.width)
        for at in _matches(part, whole, least)
    ]


def _around(part: Picture, whole: Picture, least: float) -> list[_Guess]:
    scaled = [(at, whole.width / at.width) for at in _matches(whole, part, least)]
    return [
        _Guess(at.correlation, (part.width / 2 - at.x) * scale, (part.height / 2 - at.y) * scale, scale) for at, scale in scaled
    ]


def _turned(part: Picture, whole: Picture, turn: int) -> list[_Guess]:
    middle = _middle(part.rotate(-turn, PIL.Image.Resampling.BICUBIC))
    return [replace(guess, turn=turn) for guess in _inside(middle, whole, LIKELY)]


def _middle(picture: Picture) -> Picture:
    width, height = (round(side * MIDDLE) for side in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


@dataclass(frozen=True, slots=True)
class _Match:
    """How well a part matches, from -1 to 1; its left upper corner and its width, in the whole's pixels."""

    correlation: float
    x: float
    y: float
    width: float


def _matches(part: Picture, whole: Picture, least: float) -> list[_Match]:
    """The best place for each size in SHARES, the best first; none that correlates less than that."""
    step = max(whole.size) / COARSE
    field = _grey(whole, *(max(LEAST, round(side / step)) for side in whole.size))
    found = []
    for share in SHARES:
        columns = round(field.shape[1] * share)
        rows = round(columns * part.height / part.width)
        if LEAST <= rows <= field.shape[0] and columns >= LEAST:
            correlation, row, column = _correlated(field, _grey(part, columns, rows))
            found.append(_Match(correlation, column * step, row * step, columns * step))
    likely = [match for match in found if match.correlation >= least]
    return sorted(likely, key=lambda match: -match.correlation)


def _grey(picture: Picture, width: int, height: int) -> Array:
    return resized(picture.convert("L"), width, height)


def _correlated(field: Array, part: Array) -> tuple[float, int, int]:
    """The largest normalised cross-correlation, and at which row and column of the field.

    J. P. Lewis, "Fast normalized cross-correlation" (1995). A picture without any contrast matches nothing.
    """
    rows, columns = part.shape
    centred = part - part.mean()
    size = math.sqrt(float((centred**2).sum()))
    products = np.fft.irfft2(np.fft.rfft2(field) * np.fft.rfft2(centred, field.shape).conj(), field.shape)
    spread = window_sums(field**2, rows, columns) - window_sums(field, rows, columns) ** 2 / (rows * columns)
    found = products[: spread.shape[0], : spread.shape[1]] / np.maximum(np.sqrt(np.maximum(spread, 0)) * size, 1.0)
    row, column = divmod(int(found.argmax()), found.shape[1])
    return float(found[row, column]), row, column
