import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from limner_scenes.palette import COLOUR_RGB, GROUND_RGB
from limner_scenes.render import coverage, render
from limner_scenes.sampling import sample_any, sample_scene
from limner_scenes.scene import COLOURS, GROUNDS, KINDS, SETTINGS, STYLES, Scene, Thing
from limner_scenes.worlds import SMALL, WHOLE


def alone(kind: str = "square", colour: str = "red", setting: str = "white", x: float = 0.5, style: str = "flat") -> Scene:
    return Scene(setting, (Thing(kind, colour, "large", x, 0.5, 0.3),), None, style)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("setting", GROUNDS)
def test_a_square_shows_its_colour_inside_and_a_plain_ground_outside(colour: str, setting: str) -> None:
    picture = render(alone(colour=colour, setting=setting), 64)
    assert tuple(picture[32, 32]) == COLOUR_RGB[colour]
    assert tuple(picture[1, 1]) == GROUND_RGB[setting]


def test_shades_of_a_colour_differ_a_little() -> None:
    dark, light = (
        render(Scene("white", (Thing("circle", "blue", "large", 0.5, 0.5, 0.3, shade),), None), 32)[16, 16].astype(int)
        for shade in (-1.0, 1.0)
    )
    assert 0 < (light - dark).max() <= 20


@pytest.mark.parametrize("world", [SMALL, WHOLE], ids=lambda world: world.name)
def test_the_small_picture_is_the_large_one_averaged(world) -> None:
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(60):
        scene = sample_scene(rng, "train", world=world)
        if scene.style == "pixel art":
            continue
        small, large = render(scene, 32).astype(float), render(scene, 128).astype(float)
        apart.append(np.abs(small - large.reshape(32, 4, 32, 4, 3).mean((1, 3))))
    assert np.mean(apart) <= 1
    assert np.quantile(np.array(apart), 0.999) <= 32


def test_edges_move_by_less_than_a_pixel() -> None:
    here, there = (render(alone(x=x), 32).astype(int) for x in (0.5, 0.5 + 0.25 / 32))
    assert np.abs(here - there).max() > 20
    assert (here == there).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_the_extent_it_was_given(kind: str) -> None:
    covered = coverage(alone(kind).things[0], 128) > 0.5
    assert 0.5 <= max(covered.any(0).sum(), covered.any(1).sum()) / 128 <= 0.66


def test_no_two_kinds_look_alike() -> None:
    pictures = {kind: render(alone(kind), 32).astype(float) for kind in KINDS}
    for kind, other in itertools.combinations(KINDS, 2):
        assert (np.abs(pictures[kind] - pictures[other]).max(-1) > 40).sum() > 30, (kind, other)


def test_every_style_and_setting_looks_different() -> None:
    styles = [render(alone("horse", style=style), 64).astype(float) for style in STYLES]
    settings = [render(alone("horse", setting=setting), 64).astype(float) for setting in SETTINGS]
    for pictures in (styles, settings):
        assert min(np.abs(one - other).mean() for one, other in itertools.combinations(pictures, 2)) > 0.5


@pytest.mark.parametrize("kind", ["astronaut", "horse", "cat", "fish"])
def test_pose_proportion_and_facing_vary_a_kind(kind: str) -> None:
    ways = [
        Thing(kind, "red", "large", 0.5, 0.5, 0.3, 0, pose, broad, left)
        for pose, broad, left in [(0, 0, False), (1, 0, False), (0, 1, False), (0, 0, True)]
    ]
    covers = [coverage(way, 64) for way in ways]
    assert all(np.abs(covers[0] - other).sum() > 10 for other in covers[1:3])
    assert np.abs(covers[0] - covers[3]).sum() > (0 if kind == "astronaut" else 10) - 1


def test_what_nobody_names_follows_from_the_scene_alone() -> None:
    night = alone("horse", setting="night sky", style="watercolour")
    assert np.array_equal(render(night, 32), render(night, 32))
    assert not np.array_equal(render(night, 32), render(replace(night, detail=1), 32))


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_pictures_come_at_any_size(size: int) -> None:
    assert render(alone(), size).shape == (size, size, 3)


def test_hundreds_of_pictures_are_drawn_in_a_second() -> None:
    rng = np.random.default_rng(0)
    scenes = [sample_any(rng, WHOLE) for _ in range(100)]
    start = time.process_time()
    for scene in scenes:
        render(scene, 32)
    assert 100 / (time.process_time() - start) >= 150
