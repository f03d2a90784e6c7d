import numpy as np
import pytest

from limner_scenes.palette import COLOUR_RGB, GROUND_RGB, shaded
from limner_scenes.perceptual import name_colour, oklab
from limner_scenes.segmentation import LEAST_CONTRAST
from limner_scenes.worlds import PLAIN


@pytest.mark.parametrize("colour", PLAIN.colours)
@pytest.mark.parametrize("shade", [-1.0, 0.0, 1.0])
def test_every_shade_keeps_its_name_even_when_it_is_a_little_off(colour: str, shade: float) -> None:
    rgb = np.array(shaded(colour, shade))
    for cast in ((0, 0, 0), (12, 0, 0), (0, 12, 0), (0, 0, 12), (-12, -12, -12)):
        assert name_colour(np.clip(rgb + cast, 0, 255)) == colour


@pytest.mark.parametrize("rgb", [(128, 128, 128), (110, 70, 40), (0, 220, 220), (250, 250, 250), (232, 82, 24), (78, 60, 192)])
def test_a_colour_that_is_none_of_them_or_between_two_has_no_name(rgb: tuple[int, int, int]) -> None:
    assert name_colour(rgb) is None


def test_every_colour_stands_out_from_every_background() -> None:
    colours, backgrounds = oklab(list(COLOUR_RGB.values())), oklab(list(GROUND_RGB.values()))
    assert np.linalg.norm(colours[:, None] - backgrounds, axis=-1).min() > 1.5 * LEAST_CONTRAST


def test_oklab_of_white_and_black_and_the_published_red() -> None:
    assert oklab([255, 255, 255]) == pytest.approx([100, 0, 0], abs=0.01)
    assert oklab([0, 0, 0]) == pytest.approx([0, 0, 0], abs=0.01)
    assert oklab([255, 0, 0]) == pytest.approx([62.796, 22.486, 12.585], abs=0.01)
