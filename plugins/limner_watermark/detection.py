"""Finding one key's pattern in a picture that stands upright and at its own scale, and reading its bits.

The prepared picture is folded: all tiles are added up, so the pattern gains on the picture. The sync waves are then correlated
at every shift at once by a Fourier transform; where they stand out, the other waves give the soft values of the bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner_watermark.code import CODED_BITS, decode
from limner_watermark.luma import Plane
from limner_watermark.pattern import TILE, Offset, Pattern

GATE = 5.0  # standard deviations: less is not tried, as the best of 16,384 shifts comes to about 4 by chance
TRIED = 3  # shifts
COMPRESSION = 0.25  # of the waves' sizes, so that a few strong ones, being the picture's, do not outvote the rest

Waves = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile may begin, in pixels, and how far the sync stands out there, in standard deviations."""

    offset: Offset
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """A mark id that was read and whose check holds."""

    mark_id: int
    score: float


def fold(plane: Plane) -> Plane:
    """All tiles of a prepared plane added up, (TILE, TILE)."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % TILE), (0, -width % TILE)))
    folded: Plane = padded.reshape(padded.shape[0] // TILE, TILE, -1, TILE).sum(axis=(0, 2))
    return folded


def waves(folded: Plane, pattern: Pattern) -> Waves:
    """A folded picture's waves at the places of the pattern (n,), turned so that the unshifted pattern would be real."""
    found = np.fft.rfft2(folded)[pattern.rows, pattern.columns] * pattern.phases.conj()
    return (found / (np.abs(found) ** COMPRESSION + 1e-6)).astype(np.complex64)


def places(found: Waves, pattern: Pattern, count: int = TRIED) -> list[Place]:
    """The likeliest shifts, the best first."""
    spectrum = np.zeros((TILE, TILE // 2 + 1), np.complex64)
    spectrum[pattern.rows[pattern.sync], pattern.columns[pattern.sync]] = found[pattern.sync]
    correlation = np.fft.irfft2(spectrum, (TILE, TILE))
    scores = correlation / (correlation.std() + 1e-12)
    best = np.argpartition(scores.ravel(), -count)[-count:]
    return sorted((_place(scores, *divmod(int(at), TILE)) for at in best), key=lambda place: -place.score)


def soft_bits(found: Waves, pattern: Pattern, offset: Offset) -> NDArray[np.float32]:
    """The soft values of the coded bits (CODED_BITS,), positive for 0, if a tile begins at `offset`."""
    data = ~pattern.sync
    values = (found[data] * pattern.shifted(offset)[data].conj()).real
    return np.bincount(pattern.bit[data], weights=values, minlength=CODED_BITS).astype(np.float32)


def read(folded: Plane, pattern: Pattern) -> tuple[Found, ...]:
    """The marks in a folded picture, the clearest first: more than one where a marked picture was edited and marked again."""
    found = waves(folded, pattern)
    likely = [place for place in places(found, pattern) if place.score >= GATE]
    if not likely:
        return ()
    ids = decode(np.stack([soft_bits(found, pattern, place.offset) for place in likely]))
    scores: dict[int, float] = {}
    for id, place in zip(ids, likely, strict=True):
        if id is not None:
            scores.setdefault(id, place.score)
    return tuple(Found(id, score) for id, score in scores.items())


def _place(scores: Plane, row: int, column: int) -> Place:
    """A peak's place to a fraction of a pixel, by parabolas through its neighbours."""
    across = _vertex(scores[row, column - 1], scores[row, column], scores[row, (column + 1) % TILE])
    down = _vertex(scores[row - 1, column], scores[row, column], scores[(row + 1) % TILE, column])
    return Place((column + across, row + down), float(scores[row, column]))


def _vertex(before: float, at: float, after: float) -> float:
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
