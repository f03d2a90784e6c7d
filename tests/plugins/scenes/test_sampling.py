from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from limner_scenes.render import coverage
from limner_scenes.sampling import UNSEEN_ON, Layout, sample_scene
from limner_scenes.scene import Scene
from limner_scenes.splits import has_held_out_names, held_out, is_held_out
from limner_scenes.worlds import SMALL, WHOLE, World

APART = ("left of", "right of", "above", "below")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    return [sample_scene(rng, "train", world=SMALL) for _ in range(4000)]


def test_training_shows_the_whole_world_but_for_what_is_held_out(scenes: list[Scene]) -> None:
    names = {thing.name for scene in scenes for thing in scene.things}
    world = {(colour, kind) for colour in SMALL.colours for kind in SMALL.kinds}
    assert names == world - held_out().names
    assert not any(is_held_out(scene) for scene in scenes)
    assert {scene.setting for scene in scenes} == set(SMALL.settings)
    assert {scene.style for scene in scenes} == set(SMALL.styles)
    assert {scene.relation for scene in scenes} == {None, *SMALL.relations}
    assert {len(scene.things) for scene in scenes} == set(SMALL.counts)
    assert {thing.size for scene in scenes for thing in scene.things} == {"small", "large"}


@pytest.mark.parametrize("layout", ["one", "two", "several"])
def test_the_splits_do_not_overlap(layout: Layout) -> None:
    rng = np.random.default_rng(1)
    for _ in range(150):
        seen, unseen = (sample_scene(rng, split, world=SMALL, layout=layout) for split in ("seen", "unseen"))
        assert not has_held_out_names(seen)
        assert unseen.things[0].name in held_out().names
        assert is_held_out(unseen)
        assert is_held_out(seen) == (layout != "one")


@pytest.mark.parametrize("world", [SMALL, WHOLE], ids=lambda world: world.name)
def test_things_lie_inside_the_picture_and_apart_unless_the_relation_joins_them(world: World) -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        scene = sample_scene(rng, "train", world=world)
        covers = [coverage(thing, 128) for thing in scene.things]
        for cover in covers:
            assert cover[0].max() == cover[-1].max() == cover[:, 0].max() == cover[:, -1].max() == 0, scene
        if scene.relation in (None, *APART):
            assert not any(((one > 0.5) & (other > 0.5)).any() for one, other in combinations(covers, 2)), scene


def test_no_colour_is_lost_in_its_setting(scenes: list[Scene]) -> None:
    assert not any((scene.setting, thing.colour) in UNSEEN_ON for scene in scenes for thing in scene.things)


def test_most_single_things_are_near_the_centre_and_every_side_and_corner_occurs(scenes: list[Scene]) -> None:
    places = Counter(scene.things[0].place for scene in scenes if len(scene.things) == 1)
    assert len(places) == 9
    assert 0.6 < places[None] / places.total() < 0.85


def test_the_same_seed_draws_the_same_scenes() -> None:
    one, other = (
        [sample_scene(rng, "train", world=WHOLE) for _ in range(20)]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    assert one == other
