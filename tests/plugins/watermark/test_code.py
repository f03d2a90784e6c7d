from __future__ import annotations

import numpy as np
import pytest

from limner_watermark.code import CODED_BITS, decode, encode

IDS = (0, 1, 2**48 - 1, 0x5EED_CAFE_F00D)


@pytest.mark.parametrize("mark_id", IDS)
def test_what_is_encoded_is_decoded(mark_id: int):
    coded = encode(mark_id)
    assert coded.shape == (CODED_BITS,)
    assert set(coded.tolist()) == {1.0, -1.0}
    assert decode(coded[None]) == [mark_id]


def test_noise_as_strong_as_the_bits_is_corrected():
    random = np.random.default_rng(1)
    ids = [int(id) for id in random.integers(0, 2**48, 50)]
    soft = np.stack([encode(id) for id in ids])
    noisy = (soft + random.normal(0, 0.8, soft.shape)).astype(np.float32)
    assert (np.sign(noisy) != soft).mean() > 0.1
    assert decode(noisy) == ids


def test_soft_values_are_worth_more_than_their_signs():
    random = np.random.default_rng(2)
    soft = np.stack([encode(7)] * 100)
    noisy = (soft + random.normal(0, 1.1, soft.shape)).astype(np.float32)
    assert decode(noisy).count(7) > 2 * decode(np.sign(noisy)).count(7) > 0


def test_noise_alone_is_no_mark():
    random = np.random.default_rng(3)
    assert decode(random.normal(size=(500, CODED_BITS)).astype(np.float32)) == [None] * 500
