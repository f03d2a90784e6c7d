from __future__ import annotations

import hashlib

import numpy as np

from limner_watermark.code import CODED_BITS, encode
from limner_watermark.luma import HIGH, LOW
from limner_watermark.pattern import TILE, pattern

KEY = b"k" * 32


def test_a_key_gives_the_same_pattern_for_ever():
    made = pattern(KEY)
    told = [np.packbits(made.sync), made.bit.astype("<i4"), np.round(made.phases, 3).astype("<c8"), made.offset(5)]
    digest = hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in told)).hexdigest()
    assert digest.startswith("32e6a52c587225fa")


def test_every_bit_has_waves_and_a_quarter_of_the_waves_is_sync():
    made = pattern(KEY)
    counts = np.bincount(made.bit[~made.sync], minlength=CODED_BITS)
    assert counts.min() >= 3
    assert counts.max() - counts.min() <= 1
    assert abs(made.sync.mean() - 0.25) < 0.01
    assert set(made.bit[made.sync].tolist()) == {-1}


def test_a_tile_lies_in_its_band_and_repeats_without_a_seam():
    tile = pattern(KEY).tile(encode(5), (0, 0), 1.0)
    assert tile.shape == (TILE, TILE)
    assert abs(float(tile.mean())) < 1e-6
    assert abs(float(tile.std()) - 1) < 1e-4
    power = np.abs(np.fft.fft2(tile)) ** 2
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.fftfreq(TILE)[None, :])
    outside = (frequency < LOW) | (frequency > HIGH)
    assert power[outside].sum() < 1e-9 * power.sum()


def test_an_offset_moves_the_tile_right_and_down():
    made, coded = pattern(KEY), encode(5)
    moved = made.tile(coded, (3, 10), 1.0)
    assert np.allclose(moved, np.roll(made.tile(coded, (0, 0), 1.0), (10, 3), axis=(0, 1)), atol=1e-4)


def test_offsets_are_the_keys_own_and_spread_over_the_tile():
    mine, other = pattern(KEY), pattern(b"o" * 32)
    offsets = [mine.offset(id) for id in range(400)]
    assert offsets == [mine.offset(id) for id in range(400)]
    assert offsets != [other.offset(id) for id in range(400)]
    assert all(len({offset[axis] for offset in offsets}) > 100 for axis in (0, 1))


def test_patterns_of_two_keys_have_nothing_in_common():
    tiles = [pattern(key).tile(encode(5), (0, 0), 1.0) for key in (KEY, b"o" * 32)]
    assert abs(float(np.mean(tiles[0] * tiles[1]))) < 0.1
