"""Whether a picture shows the one that is kept: the same, altered in parts, or another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from pictures import clouds, saved, scene
from PIL.ImageFilter import GaussianBlur

from limner.generation import Image
from limner.inspection.alteration import Comparison, compare

Picture = PIL.Image.Image
PICTURES = {"clouds": clouds(1, 256), "scene": scene(256)}

COPIES: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "saved as JPEG 30": lambda picture: saved(picture, "JPEG", 30),
    "blurred": lambda picture: picture.filter(GaussianBlur(6)),
    "larger": lambda picture: picture.resize((400, 400)),
    "smaller": lambda picture: picture.resize((90, 90)),
    "drawn wide": lambda picture: picture.resize((270, 256)),
    "cropped": lambda picture: picture.crop((100, 20, 240, 160)),
    "turned a little": lambda picture: picture.rotate(2, PIL.Image.Resampling.BICUBIC).crop((40, 40, 216, 216)),
    "turned": lambda picture: picture.rotate(11, PIL.Image.Resampling.BICUBIC),
    "mirrored": lambda picture: picture.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by a right angle": lambda picture: picture.transpose(PIL.Image.Transpose.ROTATE_90),
    "in grey": lambda picture: picture.convert("L").convert("RGB"),
    "darker": lambda picture: picture.point(lambda value: int(value * 0.8)),
    "brighter": lambda picture: picture.point(lambda value: min(255, int(value * 1.1 + 5))),
    "on a white page": lambda picture: _on(PIL.Image.new("RGB", (400, 330), "white"), picture),
}


def _on(page: Picture, picture: Picture, at: tuple[int, int] = (60, 40)) -> Picture:
    page = page.copy()
    page.paste(picture, at)
    return page


def _drawn(draw: Callable[[PIL.ImageDraw.ImageDraw], None]) -> Callable[[Picture], Picture]:
    def altered(picture: Picture) -> Picture:
        picture = picture.copy()
        draw(PIL.ImageDraw.Draw(picture))
        return picture

    return altered


def _recoloured(picture: Picture) -> Picture:
    pixels = np.asarray(picture).copy()
    pixels[40:130, 30:120] = pixels[40:130, 30:120][:, :, [1, 2, 0]]
    return PIL.Image.fromarray(pixels)


ALTERATIONS: dict[str, tuple[Callable[[Picture], Picture], tuple[int, int, int, int]]] = {
    "a bar over it": (_drawn(lambda draw: draw.rectangle((20, 110, 235, 140), "black")), (20, 110, 236, 141)),
    "a line drawn in": (_drawn(lambda draw: draw.line((80, 200, 180, 50), "black", 12)), (75, 45, 185, 205)),
    "something small put in": (_drawn(lambda draw: draw.rectangle((200, 20, 232, 52), "white")), (200, 20, 233, 53)),
    "a part in other colours": (_recoloured, (30, 40, 120, 130)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("kept", PICTURES.values(), ids=PICTURES)
def test_a_copy_shows_the_same(kept: Picture, copy: Callable[[Picture], Picture]) -> None:
    found = compare(Image(copy(kept)), Image(kept))
    assert (found.kind, found.box, found.beyond) == ("same", None, 0)


@pytest.mark.parametrize(("alter", "where"), ALTERATIONS.values(), ids=ALTERATIONS)
@pytest.mark.parametrize("kept", PICTURES.values(), ids=PICTURES)
def test_what_was_altered_is_found_and_where(
    kept: Picture, alter: Callable[[Picture], Picture], where: tuple[int, int, int, int]
) -> None:
    found = compare(Image(saved(alter(kept), "JPEG", 75)), Image(kept))
    assert found.kind == "altered"
    assert found.box is not None
    left, top, right, bottom = (abs(ours - theirs) for ours, theirs in zip(found.box, where, strict=True))
    assert max(left, top, right, bottom) <= 24  # pixels


def test_what_was_altered_in_a_mirrored_part_is_found_where_it_is_there() -> None:
    alter, (left, top, right, bottom) = ALTERATIONS["something small put in"]
    found = compare(Image(alter(clouds(1, 256)).transpose(PIL.Image.Transpose.ROTATE_90)), Image(clouds(1, 256)))
    assert found.kind == "altered"
    assert found.box == pytest.approx((top, 256 - right, bottom, 256 - left), abs=8)


def test_a_part_says_how_much_of_the_whole_it_is() -> None:
    assert compare(Image(clouds(1, 256).crop((60, 60, 188, 188))), Image(clouds(1, 256))).part == pytest.approx(0.25, abs=0.03)


def test_a_picture_set_into_another_is_altered_by_what_lies_around_it() -> None:
    found = compare(Image(_on(clouds(7, 400), clouds(1, 256), at=(90, 70))), Image(clouds(1, 256)))
    assert (found.kind, found.share, found.box) == ("altered", 0, None)
    assert found.beyond == pytest.approx(1 - (256 / 400) ** 2, abs=0.03)


@pytest.mark.parametrize("seed", range(2, 6))
def test_another_picture_shows_something_else(seed: int) -> None:
    assert compare(Image(clouds(seed, 256)), Image(clouds(1, 256))) == Comparison("other", 1.0)
    assert compare(Image(scene(256)), Image(clouds(seed, 256))).kind == "other"


def test_a_blank_picture_shows_another_blank_one_and_no_other() -> None:
    blank = Image(PIL.Image.new("RGB", (64, 64), (90, 120, 150)))
    assert compare(blank, Image(PIL.Image.new("RGB", (128, 128), (90, 120, 150)))).kind == "same"
    assert compare(blank, Image(clouds(1, 256))).kind == "other"


def test_pictures_of_any_shape_are_compared() -> None:
    for size in ((1, 1), (3, 500), (500, 3)):
        assert compare(Image(PIL.Image.new("RGB", size)), Image(clouds(1, 256))).kind == "other"
        assert compare(Image(clouds(1, 256)), Image(PIL.Image.new("RGB", size))).kind == "other"
