"""The pattern of one key: which frequencies of a tile carry the bits, which tell where the tile lies, and their phases.

A tile has 128 x 128 pixels and repeats over the image. It is a sum of waves of .035 to .20 cycles a pixel: lower ones drown in
the picture, higher ones are lost to compression and scaling. A quarter of them, the sync, is the same in every image of a key;
each coded bit turns the sign of a few others. All is drawn from the key by SHAKE-256, so it is the same on every machine.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from limner_watermark.code import CODED_BITS
from limner_watermark.luma import HIGH, LOW

TILE = 128
SYNC_SHARE = 4  # one wave in four

Offset = tuple[float, float]  # across and down, in pixels


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """The waves of one key. `rows` and `columns` (n,) are their places in the tile's half spectrum (128, 65).

    `phases` (n,) are unit complex numbers; `sync` (n,) is true for the waves that tell the place, and `bit` (n,) says which
    coded bit each of the others carries, -1 for the sync.
    """

    key: bytes
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    phases: NDArray[np.complex64]
    sync: NDArray[np.bool_]
    bit: NDArray[np.intp]

    def offset(self, mark_id: int) -> tuple[int, int]:
        """Where the first tile of this image begins, so that the average of many images shows no pattern."""
        digest = hmac.digest(self.key, b"offset" + mark_id.to_bytes(6, "big"), "sha256")
        return digest[0] % TILE, digest[1] % TILE

    def shifted(self, offset: Offset) -> NDArray[np.complex64]:
        """The factors (n,) that move a tile right and down by `offset`."""
        cycles = self.columns * offset[0] + _signed(self.rows) * offset[1]
        factors: NDArray[np.complex64] = np.exp(-2j * np.pi / TILE * cycles).astype(np.complex64)
        return factors

    def tile(self, coded: NDArray[np.float32], offset: Offset, sync: float) -> NDArray[np.float32]:
        """The tile (128, 128), of mean 0 and variance 1. `coded` may weight the bits, and `sync` weights the sync."""
        values = np.where(self.sync, sync, coded[self.bit])
        spectrum = np.zeros((TILE, TILE // 2 + 1), np.complex64)
        spectrum[self.rows, self.columns] = self.phases * values * self.shifted(offset)
        tile: NDArray[np.float32] = np.fft.irfft2(spectrum, (TILE, TILE)).astype(np.float32)
        tile /= tile.std()
        return tile


@lru_cache(maxsize=16)
def pattern(key: bytes) -> Pattern:
    """The pattern of a key. Made once for each."""
    rows, columns = _band()
    count = len(rows)
    random = np.frombuffer(hashlib.shake_256(b"limner watermark pattern 1" + key).digest(count * 12), np.uint32)
    turns, sync_draw, bit_draw = random.reshape(3, count)
    sync = _one_of_each(sync_draw, SYNC_SHARE)
    bit = np.full(count, -1, np.intp)
    bit[~sync] = _dealt(bit_draw[~sync])
    phases = np.exp(2j * np.pi * turns / 2**32).astype(np.complex64)
    return Pattern(key, rows, columns, phases, sync, bit)


def _band() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places in the half spectrum of the waves in the band, the slowest first."""
    rows, columns = np.mgrid[0:TILE, 0 : TILE // 2]
    frequency = np.hypot(_signed(rows), columns) / TILE
    once = (columns > 0) | (rows < TILE // 2)  # the others repeat these
    inside = (frequency >= LOW) & (frequency <= HIGH) & once
    order = np.argsort(frequency[inside], kind="stable")
    return rows[inside][order], columns[inside][order]


def _signed(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.where(rows < TILE // 2, rows, rows - TILE)


def _one_of_each(draw: NDArray[np.uint32], group: int) -> NDArray[np.bool_]:
    """One of every `group` neighbours, that with the lowest draw."""
    whole = len(draw) // group * group
    chosen = np.zeros(len(draw), bool)
    chosen[np.arange(0, whole, group) + draw[:whole].reshape(-1, group).argmin(axis=1)] = True
    return chosen


def _dealt(draw: NDArray[np.uint32]) -> NDArray[np.intp]:
    """The coded bit of each wave: dealt round by round, so that each bit has slow and fast waves alike."""
    rounds = [np.argsort(draw[start : start + CODED_BITS], kind="stable") for start in range(0, len(draw), CODED_BITS)]
    last = np.argsort(draw[-CODED_BITS:], kind="stable")[: len(rounds[-1])]
    return np.concatenate([*rounds[:-1], last])
