import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageFilter

from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing
from limner_scenes.segmentation import SIDE, segments


def pair(colours: tuple[str, str] = ("red", "pink")) -> Scene:
    first = Thing("square", colours[0], "small", 0.25, 0.5, 0.18)
    return Scene("white", (first, Thing("circle", colours[1], "small", 0.75, 0.5, 0.18)), "left of")


def test_an_empty_picture_holds_nothing() -> None:
    assert segments(np.full((128, 128, 3), 250, np.uint8)) == []


@pytest.mark.parametrize("colours", [("red", "pink"), ("orange", "yellow"), ("blue", "purple"), ("green", "green")])
@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_each_thing_is_one_segment_whatever_the_size_of_the_picture(colours: tuple[str, str], size: int) -> None:
    covers = [segment.cover for segment in segments(render(pair(colours), size))]
    assert len(covers) == 2
    assert {bool(cover[:, :64].sum() > cover[:, 64:].sum()) for cover in covers} == {True, False}


def test_a_soft_edge_belongs_to_its_thing_by_its_share() -> None:
    sharp = render(pair(), 128)
    soft = np.asarray(PillowImage.fromarray(sharp).filter(ImageFilter.GaussianBlur(3)))
    areas = [sorted(segment.cover.sum() for segment in segments(picture)) for picture in (sharp, soft)]
    assert areas[1] == pytest.approx(areas[0], rel=0.03)


def test_specks_are_ignored_and_larger_bits_are_not() -> None:
    picture = render(pair(), 128)
    picture[4:11, 4:11] = (30, 75, 215)
    assert len(segments(picture)) == 2
    picture[4:18, 4:18] = (30, 75, 215)
    assert len(segments(picture)) == 3


def test_two_colours_that_touch_are_never_one_thing() -> None:
    picture = np.full((SIDE, SIDE, 3), 250, np.uint8)
    picture[30:90, 30:60], picture[30:90, 60:90] = (214, 30, 38), (30, 75, 215)
    assert len(segments(picture)) >= 2


def test_one_winding_thing_is_one() -> None:
    winding = np.full((SIDE, SIDE, 3), 250, np.uint8)
    for at in range(10, 110, 20):
        winding[at : at + 8, 10:110] = 20
        side = slice(10, 18) if at % 40 == 10 else slice(102, 110)
        winding[at : at + 28, side] = 20
    assert len(segments(winding)) == 1


@pytest.mark.parametrize("shape", [(128, 128), (128, 64, 3), (16, 16, 3), (128, 128, 4)])
def test_what_is_no_square_rgb_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="square, RGB and at least 32 px"):
        segments(np.zeros(shape, np.uint8))
