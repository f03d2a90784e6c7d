import numpy as np
import pytest

from limner_scenes.relations import admits
from limner_scenes.render import coverage
from limner_scenes.sampling import sample_any
from limner_scenes.scene import RELATIONS, Scene
from limner_scenes.silhouettes import extent
from limner_scenes.worlds import WHOLE


@pytest.fixture(scope="module")
def related() -> dict[str, list[Scene]]:
    rng = np.random.default_rng(0)
    found: dict[str, list[Scene]] = {relation: [] for relation in RELATIONS}
    while min(map(len, found.values())) < 20:
        scene = sample_any(rng, WHOLE, "two")
        found[str(scene.relation)].append(scene)
    return found


@pytest.mark.parametrize("relation", RELATIONS)
def test_only_kinds_that_fit_stand_in_a_relation(relation: str, related: dict[str, list[Scene]]) -> None:
    assert all(admits(relation, *(thing.kind for thing in scene.things)) for scene in related[relation])


@pytest.mark.parametrize(
    ("relation", "across", "down"), [("left of", 1, 0), ("right of", -1, 0), ("above", 0, 1), ("below", 0, -1)]
)
def test_a_thing_beside_another_is_where_the_relation_says(
    relation: str, across: int, down: int, related: dict[str, list[Scene]]
) -> None:
    for scene in related[relation]:
        first, second = scene.things
        assert across * (second.x - first.x) + down * (second.y - first.y) > 0.4


@pytest.mark.parametrize("relation", ["on", "riding"])
def test_what_is_on_another_or_rides_it_is_above_and_touches(relation: str, related: dict[str, list[Scene]]) -> None:
    for scene in related[relation]:
        (_, top, _, bottom), (_, other_top, _, other_bottom) = map(extent, scene.things)
        assert top < other_top < bottom < other_bottom


def test_what_is_inside_another_lies_within_its_box(related: dict[str, list[Scene]]) -> None:
    for scene in related["inside"]:
        (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) = map(extent, scene.things)
        assert other_left < left
        assert right < other_right
        assert other_top < top
        assert bottom < other_bottom


def test_what_is_held_touches_its_holder_and_hides_little_of_it(related: dict[str, list[Scene]]) -> None:
    for scene in related["holding"]:
        holder, item = (coverage(thing, 64) > 0 for thing in scene.things)
        assert 0 <= (holder & item).sum() < 0.4 * item.sum()
        boxes = [extent(thing) for thing in scene.things]
        assert max(boxes[0][0], boxes[1][0]) <= min(boxes[0][2], boxes[1][2])


def test_what_is_in_front_hides_a_part_of_the_other(related: dict[str, list[Scene]]) -> None:
    hidden = []
    for scene in related["in front of"]:
        before, behind = (coverage(thing, 64) > 0.5 for thing in scene.things)
        hidden.append((before & behind).sum() / behind.sum())
    assert np.mean(hidden) > 0.05
    assert max(hidden) < 0.7
