"""A relation is told from places and sizes alone, and told right for whatever the world arranges."""

from __future__ import annotations

import numpy as np
import pytest

from limner_scenes.evaluation.relations import box, gap, holds, inside
from limner_scenes.reader.reading import ReadThing
from limner_scenes.sampling import sample_any
from limner_scenes.scene import RELATIONS, Thing
from limner_scenes.worlds import WHOLE

DIRECTIONS = {"left of", "right of", "above", "below"}


def read(thing: Thing, rng: np.random.Generator) -> ReadThing:
    """As a reader does, nearly."""
    x, y = np.array([thing.x, thing.y]) + rng.normal(0, 0.008, 2)
    return ReadThing(thing.kind, thing.colour, float(x), float(y), float(thing.scale * np.exp(rng.normal(0, 0.03))))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, ReadThing, ReadThing]]:
    rng = np.random.default_rng(1)
    scenes = [sample_any(rng, WHOLE, "two") for _ in range(900)]
    return [(str(scene.relation), read(scene.things[0], rng), read(scene.things[1], rng)) for scene in scenes]


def test_what_the_world_arranges_holds_and_never_the_other_way_round(pairs: list[tuple[str, ReadThing, ReadThing]]) -> None:
    for relation in RELATIONS:
        of_this = [(first, second) for found, first, second in pairs if found == relation]
        assert np.mean([holds(relation, first, second) for first, second in of_this]) >= 0.98, relation
        assert not any(holds(relation, second, first) for first, second in of_this), relation


def test_directions_are_not_taken_for_each_other(pairs: list[tuple[str, ReadThing, ReadThing]]) -> None:
    for found, first, second in pairs:
        if found in DIRECTIONS:
            assert not any(holds(other, first, second) for other in DIRECTIONS - {found})


def test_two_things_in_one_place_are_in_no_direction() -> None:
    one, other = ReadThing("cat", "red", 0.5, 0.5, 0.2), ReadThing("car", "blue", 0.55, 0.52, 0.2)
    assert not any(holds(relation, one, other) for relation in DIRECTIONS)


def test_a_thing_in_another_is_inside_it_and_one_as_large_is_not() -> None:
    house = ReadThing("house", "red", 0.5, 0.5, 0.4)
    assert inside(ReadThing("cat", "blue", 0.5, 0.6, 0.14), house)
    assert not inside(ReadThing("cat", "blue", 0.5, 0.6, 0.35), house)
    assert not inside(ReadThing("cat", "blue", 0.9, 0.6, 0.14), house)


def test_the_box_of_a_kind_is_that_of_its_outline_and_a_square_where_the_kind_is_not_known() -> None:
    car, unknown = (ReadThing(kind, "red", 0.5, 0.5, 0.2) for kind in ("car", None))
    assert box(car).bottom < 0.68 < box(unknown).bottom == pytest.approx(0.7)
    assert gap(car, ReadThing("car", "red", 0.5, 0.8, 0.2)) > 0
