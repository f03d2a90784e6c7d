import numpy as np
import pytest

from limner_scenes.palette import BACKGROUND_RGB, COLOUR_RGB
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import BACKGROUNDS, COLOURS, SHAPES, Scene, Thing


def alone(shape: str = "square", colour: str = "red", background: str = "white", x: float = 0.5) -> Scene:
    return Scene(background, (Thing(shape, colour, "large", x, 0.5, 0.3),), None)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_a_square_shows_its_colour_inside_and_the_background_outside(colour: str, background: str) -> None:
    picture = render(alone(colour=colour, background=background), 64)
    assert tuple(picture[32, 32]) == COLOUR_RGB[colour]
    assert tuple(picture[1, 1]) == BACKGROUND_RGB[background]


def test_shades_of_a_colour_differ_a_little() -> None:
    dark, light = (
        render(Scene("white", (Thing("circle", "blue", "large", 0.5, 0.5, 0.3, shade),), None), 32)[16, 16].astype(int)
        for shade in (-1.0, 1.0)
    )
    assert 0 < (light - dark).max() <= 20


def test_the_small_picture_is_the_large_one_averaged() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        scene = sample_scene(rng, "train")
        small, large = render(scene, 32).astype(float), render(scene, 128).astype(float)
        assert np.abs(small - large.reshape(32, 4, 32, 4, 3).mean((1, 3))).max() <= 2


def test_edges_move_by_less_than_a_pixel() -> None:
    here, there = (render(alone(x=x), 32).astype(int) for x in (0.5, 0.5 + 0.25 / 32))
    assert np.abs(here - there).max() > 20
    assert (here == there).mean() > 0.9


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_fills_the_extent_it_was_given(shape: str) -> None:
    inked = (render(alone(shape, "black"), 128) < 128).all(-1)
    height = inked.any(1).sum() / 128
    assert 0.5 <= height <= 0.66


def test_no_two_shapes_look_alike() -> None:
    inked = {shape: (render(alone(shape, "black"), 32) < 128).all(-1) for shape in SHAPES}
    for shape in SHAPES:
        for other in SHAPES:
            if shape != other:
                assert (inked[shape] ^ inked[other]).sum() > 0.15 * inked[shape].sum()
