from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from PIL.ImageFilter import GaussianBlur

from limner.generation import Image
from limner.images.fingerprint import distance, fingerprint
from limner.images.likeness import ALIKE


def scene(seed: int, size: int = 256) -> PIL.Image.Image:
    """A dozen discs of random place, size and grey."""
    random = np.random.default_rng(seed)
    image = PIL.Image.new("RGB", (size, size), "white")
    draw = PIL.ImageDraw.Draw(image)
    for _ in range(12):
        x, y, radius = (float(value) * size for value in random.uniform([0, 0, 0.05], [1, 1, 0.3]))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(int(v) for v in random.integers(0, 256, 3)))
    return image


def of(image: PIL.Image.Image) -> int:
    return fingerprint(Image(image))


def saved(image: PIL.Image.Image, quality: int) -> PIL.Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return PIL.Image.open(file)


@pytest.mark.parametrize("seed", range(8))
def test_copies_of_an_image_are_alike(seed: int):
    image = scene(seed)
    for copy in (saved(image, 30), image.resize((100, 100)), image.resize((700, 500)), image.filter(GaussianBlur(2))):
        assert distance(of(image), of(copy)) <= ALIKE


def test_other_images_are_far():
    prints = [of(scene(seed)) for seed in range(20)]
    apart = [distance(a, b) for i, a in enumerate(prints) for b in prints[:i]]
    assert min(apart) > ALIKE
    assert 28 < np.mean(apart) < 36


def test_a_blank_image_has_no_random_bits():
    assert [of(PIL.Image.new("RGB", (side, 7), colour)) for side, colour in ((1, "red"), (50, "white"), (999, "navy"))] == [
        0
    ] * 3


def test_it_has_64_bits_of_which_half_are_set():
    print_ = of(scene(1))
    assert print_.bit_count() == 32
    assert 0 < print_ < 2**64


def test_the_distance_counts_differing_bits():
    assert distance(0b1011, 0b0110) == 3
    assert distance(2**63, 0) == 1
