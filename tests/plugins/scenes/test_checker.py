from dataclasses import replace

import numpy as np
import pytest

from limner_scenes.checker import judge, read
from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing

RING = Thing("ring", "red", "small", 0.5, 0.25, 0.18)
SQUARE = Thing("square", "blue", "small", 0.5, 0.75, 0.18)
ABOVE = Scene("grey", (RING, SQUARE), "above")
ALONE = Scene("beige", (Thing("star", "yellow", "large", 0.45, 0.55, 0.3),), None)


def test_a_reading_says_what_is_where() -> None:
    things = {thing.shape: thing for thing in read(render(ABOVE, 128)).things}
    assert things.keys() == {"ring", "square"}
    assert (things["ring"].colour, things["square"].colour) == ("red", "blue")
    assert (things["ring"].x, things["ring"].y) == pytest.approx((0.5, 0.25), abs=0.01)
    assert things["square"].area == pytest.approx((2 * 0.85 * 0.18) ** 2, rel=0.05)


def test_the_picture_asked_for_is_right_in_each_task_it_sets() -> None:
    alone, pair = judge(render(ALONE, 128), ALONE), judge(render(ABOVE, 128), ABOVE)
    assert (alone.single, alone.pair, alone.relation, alone.fault) == (True, None, None, None)
    assert (pair.single, pair.pair, pair.relation, pair.fault) == (None, True, True, None)


def test_the_same_relation_told_from_the_other_side_is_right_too() -> None:
    assert judge(render(ABOVE, 128), Scene("grey", (SQUARE, RING), "below")).relation


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (Scene("grey", (RING,), None), "count"),
        (replace(ABOVE, things=(replace(RING, kind="circle"), SQUARE)), "shape"),
        (replace(ABOVE, things=(replace(RING, colour="pink"), SQUARE)), "colour"),
        (replace(ABOVE, things=(replace(RING, colour="blue"), replace(SQUARE, colour="red"))), "binding"),
        (replace(ABOVE, relation="below"), "relation"),
        (replace(ABOVE, relation="left of"), "relation"),
    ],
)
def test_the_first_thing_wrong_is_named(asked: Scene, fault: str) -> None:
    verdict = judge(render(ABOVE, 128), asked)
    assert verdict.fault == fault
    assert verdict.pair is (None if len(asked.things) == 1 else fault == "relation")
    assert not verdict.relation


def test_a_second_thing_that_was_not_asked_for_is_wrong() -> None:
    picture = render(ALONE, 128)
    picture[4:20, 4:20] = (30, 75, 215)
    assert judge(picture, ALONE).fault == "count"


def test_a_blob_of_the_right_colour_is_not_accepted_for_any_shape() -> None:
    rows, columns = np.mgrid[:128, :128]
    picture = np.full((128, 128, 3), 250, np.uint8)
    picture[((rows - 60) / 26) ** 2 + ((columns - 64) / 38) ** 2 + 0.3 * np.sin(columns / 6) < 1] = (214, 30, 38)
    (thing,) = read(picture).things
    assert (thing.shape, thing.colour) == (None, "red")
    asked = Scene("white", (Thing(thing.likely_shape, "red", "large", 0.5, 0.5, 0.3),), None)
    assert judge(picture, asked).fault == "unsure"


def test_a_colour_that_has_no_name_is_not_accepted() -> None:
    picture = render(Scene("white", (replace(SQUARE, colour="black"),), None), 128)
    picture[picture.max(-1) < 100] = (110, 70, 40)
    (thing,) = read(picture).things
    assert (thing.shape, thing.colour) == ("square", None)


def test_a_colour_is_read_for_each_thing_by_itself() -> None:
    picture = render(Scene("white", (replace(RING, kind="square"), SQUARE), "above"), 128)
    picture[64:][picture[64:, :, 2] > picture[64:, :, 0]] = (110, 70, 40)
    assert {thing.colour for thing in read(picture).things} == {"red", None}


def test_two_things_of_one_colour_in_different_shades_are_both_covered_in_full() -> None:
    things = replace(SQUARE, y=0.25, colour="pink", shade=1.0), replace(RING, y=0.75, colour="pink", shade=-1.0)
    square, ring = sorted(read(render(Scene("white", things, "above"), 128)).things, key=lambda thing: thing.y)
    assert min(square.similarity, ring.similarity) > 0.93


def test_things_side_by_side_on_the_diagonal_are_in_the_relation_that_weighs_more() -> None:
    things = replace(RING, x=0.3, y=0.25), replace(SQUARE, x=0.6, y=0.75)
    shown = render(Scene("grey", things, "above"), 128)
    assert judge(shown, Scene("grey", things, "above")).relation
    assert not judge(shown, Scene("grey", things, "left of")).relation


def test_two_equal_things_are_not_mistaken_for_two_different_ones() -> None:
    shown = render(Scene("grey", (RING, replace(RING, y=0.75)), "above"), 128)
    assert judge(shown, Scene("grey", (RING, replace(RING, y=0.75, colour="blue")), "above")).fault == "colour"
