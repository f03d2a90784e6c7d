from __future__ import annotations

import math

import PIL.Image
import pytest

from limner.generation import Image
from limner.images.difference import psnr


def grey(level: int, side: int = 8) -> Image:
    return Image(PIL.Image.new("RGB", (side, side), (level,) * 3))


def test_it_is_in_decibels_below_the_full_range():
    assert psnr(grey(0), grey(255)) == 0
    assert psnr(grey(100), grey(102)) == pytest.approx(20 * math.log10(255 / 2))
    assert psnr(grey(7), grey(7)) == math.inf


def test_images_of_different_sizes_are_not_compared():
    with pytest.raises(ValueError, match="one size"):
        psnr(grey(0), grey(0, 9))
