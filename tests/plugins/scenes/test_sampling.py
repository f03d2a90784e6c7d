from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from limner_scenes.render import coverage
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import BACKGROUNDS, COLOURS, RELATIONS, SHAPES
from limner_scenes.splits import has_held_out_pair, held_out, is_held_out


def test_training_shows_the_whole_world_but_for_what_is_held_out() -> None:
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, "train") for _ in range(4000)]
    pairs = {(thing.colour, thing.shape) for scene in scenes for thing in scene.things}
    assert len(pairs) == len(COLOURS) * len(SHAPES) - len(held_out().pairs)
    assert not any(is_held_out(scene) for scene in scenes)
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    assert {scene.relation for scene in scenes} == {None, *RELATIONS}
    assert 0.4 < sum(len(scene.things) == 1 for scene in scenes) / len(scenes) < 0.6
    assert {thing.size for scene in scenes for thing in scene.things} == {"small", "large"}


@pytest.mark.parametrize("things", [1, 2])
def test_the_splits_do_not_overlap(things: int) -> None:
    rng = np.random.default_rng(1)
    count = 1 if things == 1 else 2
    for _ in range(200):
        seen, unseen = sample_scene(rng, "seen", things=count), sample_scene(rng, "unseen", things=count)
        assert len(seen.things) == len(unseen.things) == things
        assert not has_held_out_pair(seen)
        assert (unseen.things[0].colour, unseen.things[0].shape) in held_out().pairs
        assert is_held_out(unseen)
        assert is_held_out(seen) == (things == 2)


def test_things_lie_inside_the_picture_and_apart() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        scene = sample_scene(rng, "train")
        covers = []
        for thing in scene.things:
            cover, left, top = coverage(thing, 64)
            whole = np.zeros((64, 64))
            whole[top : top + cover.shape[0], left : left + cover.shape[1]] = cover
            assert whole[1:-1, 1:-1].sum() == whole.sum()
            covers.append(whole > 0)
        assert not any((one & other).any() for one, other in pairwise(covers))


def test_the_relation_is_the_one_drawn() -> None:
    rng = np.random.default_rng(3)
    further = {
        "left of": lambda first, second: second.x - first.x,
        "right of": lambda first, second: first.x - second.x,
        "above": lambda first, second: second.y - first.y,
        "below": lambda first, second: first.y - second.y,
    }
    for _ in range(100):
        scene = sample_scene(rng, "train", things=2)
        assert further[scene.relation](*scene.things) > 0.4


def test_most_single_things_are_near_the_centre_and_every_side_and_corner_occurs() -> None:
    rng = np.random.default_rng(4)
    places = Counter(sample_scene(rng, "train", things=1).things[0].place for _ in range(1500))
    assert len(places) == 9
    assert 0.6 < places[None] / 1500 < 0.8


def test_the_same_seed_draws_the_same_scenes() -> None:
    one, other = (
        [sample_scene(rng, "train") for _ in range(20)] for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    assert one == other
