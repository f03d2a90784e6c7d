from __future__ import annotations

import PIL.Image
import pytest
from pictures import clouds, scene

from limner.generation import Image
from limner.inspection.resemblance import best_match, shows


def test_a_part_is_found_in_the_whole_at_its_own_and_other_sizes():
    whole = clouds(1, 256)
    for box in ((0, 0, 256, 256), (31, 60, 223, 252), (100, 20, 240, 160)):
        part = whole.crop(box)
        assert shows(Image(part), Image(whole))
        assert shows(Image(part.resize((90, 90))), Image(whole))


def test_a_part_that_is_turned_a_little_is_found():
    whole = clouds(1, 256)
    assert shows(Image(whole.rotate(2, PIL.Image.Resampling.BICUBIC).crop((40, 40, 216, 216))), Image(whole))


@pytest.mark.parametrize("seed", range(2, 6))
def test_another_picture_is_not(seed: int):
    assert not shows(Image(clouds(seed, 256)), Image(clouds(1, 256)))
    assert not shows(Image(scene(256)), Image(clouds(seed, 256)))


def test_a_blank_picture_matches_nothing_by_its_pixels():
    assert best_match(Image(PIL.Image.new("RGB", (64, 64))), Image(clouds(1, 256))) < 0.5
