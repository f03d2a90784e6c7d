"""Putting the pattern into a picture at a given peak signal-to-noise ratio, so that its reader finds it there.

The embedder knows what the reader will see, so it looks: bits that the picture itself speaks against get more of the strength
and those it speaks for less, and the sync is raised where it would not stand out ("improved spread spectrum", Malvar and
Florencio, 2003). Busy places take more of the mark, but the less so the more of the picture is flat: edges alone cannot carry
it. In flat places it stands in islands: compression that would flatten a weak mark everywhere leaves a stronger one there.
"""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from limner_watermark.code import encode
from limner_watermark.detection import Waves, fold, soft_bits, waves
from limner_watermark.luma import Plane, activity, luma, prepared
from limner_watermark.pattern import TILE, Pattern

ROUNDS = 2  # of looking and putting right
MASKING = 0.25  # strength goes with activity to this power where nothing is flat
LEVELLING = 0.6  # by how much the power is less where all is flat
LEAST_ACTIVITY, MOST_ACTIVITY = 0.2, 16.0  # grey levels
FLAT = 1.0  # activity below which a place is flat
ISLAND = 48  # pixels a side
ISLANDS = 5  # one such square in so many, a knight's move apart
BETWEEN_ISLANDS = 0.1  # of the strength
LEAST_WEIGHT, MOST_WEIGHT = 0.25, 4.0  # of one bit
MOST_SYNC = 2.5
SYNC_AIM = 12.0  # standard deviations that the sync is to stand out by


def embed(image: PIL.Image.Image, mark_id: int, pattern: Pattern, psnr: float) -> PIL.Image.Image:
    """The RGB image with a 48-bit mark id in it, at `psnr` decibels or hardly more."""
    plane, coded, offset = luma(image), encode(mark_id), pattern.offset(mark_id)
    strength, amplitude = _strength(plane), 255 * 10 ** (-psnr / 20)
    weights, sync = np.ones_like(coded), 1.0
    for _ in range(ROUNDS):
        marked = _rounded(plane + _mark(pattern.tile(coded * weights, offset, sync), strength, amplitude))
        seen = waves(fold(prepared(marked)), pattern)
        weights = _reweighted(weights, coded * soft_bits(seen, pattern, offset))
        sync = _raised(sync, _sync_score(seen, pattern, offset))
    return _added(image, _mark(pattern.tile(coded * weights, offset, sync), strength, amplitude), amplitude)


def _strength(plane: Plane) -> Plane:
    """How much of the mark each place takes, (height, width)."""
    busy = activity(plane, LEAST_ACTIVITY)
    rows, columns = np.ogrid[0 : plane.shape[0], 0 : plane.shape[1]]
    between = (rows // ISLAND + 2 * (columns // ISLAND)) % ISLANDS != 0
    flat = busy < FLAT
    strength: Plane = np.minimum(busy, MOST_ACTIVITY) ** np.float32(MASKING - LEVELLING * flat.mean())
    return np.where(flat & between, strength * np.float32(BETWEEN_ISLANDS), strength)


def _mark(tile: Plane, strength: Plane, amplitude: float) -> Plane:
    """The tile all over the picture, with this root mean square in grey levels."""
    height, width = strength.shape
    mark: Plane = np.tile(tile, (-(-height // TILE), -(-width // TILE)))[:height, :width] * strength
    mark *= amplitude / math.sqrt(float(np.mean(mark * mark)))
    return mark


def _added(image: PIL.Image.Image, mark: Plane, amplitude: float) -> PIL.Image.Image:
    """The mark added to each channel. What rounding and clipping take away is made up for once."""
    before = np.asarray(image, np.float32)
    got = math.sqrt(float(np.mean((_rounded(before + mark[:, :, None]) - before) ** 2)))
    after = _rounded(before + mark[:, :, None] * np.float32(amplitude / max(got, amplitude / 2)))
    return PIL.Image.fromarray(after.astype(np.uint8))


def _rounded(levels: Plane) -> Plane:
    rounded: Plane = np.clip(np.rint(levels), 0, 255)
    return rounded


def _reweighted(weights: NDArray[np.float32], margins: NDArray[np.float32]) -> NDArray[np.float32]:
    """More for bits read with less than the mean margin, less for the others."""
    mean = max(float(margins.mean()), 1e-6)
    return np.clip(weights * (2 - margins / mean), LEAST_WEIGHT, MOST_WEIGHT).astype(np.float32)


def _raised(sync: float, score: float) -> float:
    return min(MOST_SYNC, sync * max(1.0, SYNC_AIM / max(score, 1.0)))


def _sync_score(seen: Waves, pattern: Pattern, offset: tuple[int, int]) -> float:
    """By how many standard deviations the sync stands out at its place."""
    values = (seen * pattern.shifted(offset).conj())[pattern.sync]
    return float(values.real.sum() / math.sqrt(float(np.sum(np.abs(values) ** 2)) / 2 + 1e-12))
