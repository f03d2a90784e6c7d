from __future__ import annotations

from collections.abc import Callable

import PIL.Image
import pytest
from pictures import clouds, saved, scene

from limner_watermark.embedding import embed
from limner_watermark.pattern import pattern
from limner_watermark.search import read_upright, search

MARK = 0xC0FFEE123456
PATTERN = pattern(b"k" * 32)
SIDE = 384


@pytest.fixture(scope="module")
def marked() -> PIL.Image.Image:
    return embed(scene(SIDE), MARK, PATTERN, 42.0)


def scaled(picture: PIL.Image.Image, by: float) -> PIL.Image.Image:
    return picture.resize((round(picture.width * by), round(picture.height * by)), PIL.Image.Resampling.LANCZOS)


ATTACKS: dict[str, Callable[[PIL.Image.Image], PIL.Image.Image]] = {
    "turned by 10 degrees": lambda picture: picture.rotate(-10, PIL.Image.Resampling.BICUBIC),
    "turned by a right angle": lambda picture: picture.transpose(PIL.Image.Transpose.ROTATE_270),
    "mirrored": lambda picture: picture.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT),
    "made smaller": lambda picture: scaled(picture, 0.5),
    "made larger": lambda picture: scaled(picture, 1.5),
    "cropped, scaled and saved": lambda picture: saved(scaled(picture.crop((20, 30, 365, 375)), 0.85), "JPEG", 75),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_mark_is_found_however_the_picture_stands(marked: PIL.Image.Image, attack: str):
    picture = ATTACKS[attack](marked)
    assert read_upright(picture, PATTERN) == ()
    assert [found.mark_id for found in search(picture, PATTERN)] == [MARK]


@pytest.mark.slow
def test_a_picture_of_a_single_tile_is_tried_pose_by_pose():
    small = embed(scene(128), MARK, PATTERN, 36.0)
    turned = small.rotate(5, PIL.Image.Resampling.BICUBIC)
    assert [found.mark_id for found in search(turned, PATTERN)] == [MARK]


def test_where_no_mark_is_none_is_found(marked: PIL.Image.Image):
    assert search(clouds(5, 256), PATTERN) == ()
    assert search(marked.rotate(5), pattern(b"w" * 32)) == ()


@pytest.mark.parametrize("size", [(1, 1), (79, 300), (81, 3)])
def test_pictures_too_small_to_search_are_left(size: tuple[int, int]):
    assert search(PIL.Image.new("RGB", size), PATTERN) == ()
