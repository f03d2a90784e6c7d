"""Names, numbers and places are compared; the first thing wrong is named; what the reader is unsure of is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limner_scenes.evaluation.judging import Fault, fault, swapped
from limner_scenes.reader.reading import Reading, ReadThing
from limner_scenes.statement import Statement

CAT = ReadThing("cat", "red", 0.25, 0.5, 0.2)
CAR = ReadThing("car", "blue", 0.75, 0.5, 0.2)
SHOWN = Reading((CAR, CAT), "flat", "meadow")
ASKED = Statement((("red", "cat"), ("blue", "car")), relation="left of", setting="meadow", style="flat")
EVERYTHING = frozenset({"kinds", "names", "relation", "style", "setting"})


def with_things(*things: ReadThing) -> Reading:
    return replace(SHOWN, things=things)


def test_what_was_asked_for_is_right_in_any_order_and_from_either_side() -> None:
    assert fault(SHOWN, ASKED, EVERYTHING) is None
    assert fault(SHOWN, replace(ASKED, names=ASKED.names[::-1], relation="right of"), EVERYTHING) is None


@pytest.mark.parametrize(
    ("shown", "first_wrong"),
    [
        (with_things(CAT), "count"),
        (with_things(CAT, CAR, CAR), "count"),
        (with_things(CAT, replace(CAR, kind=None)), "unsure"),
        (with_things(CAT, replace(CAR, kind="boat")), "kind"),
        (with_things(CAT, replace(CAR, colour=None)), "unsure"),
        (with_things(CAT, replace(CAR, colour="pink")), "colour"),
        (with_things(replace(CAT, colour="blue"), replace(CAR, colour="red")), "binding"),
        (with_things(replace(CAT, x=0.75), replace(CAR, x=0.25)), "relation"),
        (replace(SHOWN, style=None), "style"),
        (replace(SHOWN, setting="snow"), "setting"),
    ],
)
def test_the_first_thing_wrong_is_named(shown: Reading, first_wrong: Fault) -> None:
    assert fault(shown, ASKED, EVERYTHING) == first_wrong


def test_what_is_not_demanded_may_be_otherwise() -> None:
    shown = Reading((replace(CAT, colour=None, x=0.8), replace(CAR, colour="pink")), None, None)
    assert fault(shown, ASKED, frozenset({"kinds"})) is None


def test_several_alike_are_counted() -> None:
    three = replace(ASKED, names=(("red", "cat"),), count=3, relation=None)
    assert fault(with_things(CAT, CAT, CAT), three, frozenset({"kinds", "names"})) is None
    assert fault(with_things(CAT, CAT), three, frozenset({"kinds"})) == "count"


def test_two_of_one_kind_are_told_apart_by_their_colours() -> None:
    asked = replace(ASKED, names=(("red", "cat"), ("blue", "cat")))
    shown = with_things(CAT, replace(CAR, kind="cat"))
    assert fault(shown, asked, frozenset({"kinds", "relation"})) is None
    assert fault(shown, replace(asked, names=asked.names[::-1]), frozenset({"kinds", "relation"})) == "relation"


def test_a_swap_is_both_things_with_each_others_colours_and_nothing_else() -> None:
    assert swapped(with_things(replace(CAT, colour="blue"), replace(CAR, colour="red")), ASKED)
    assert not swapped(SHOWN, ASKED)
    assert not swapped(with_things(replace(CAT, colour="blue"), CAR), ASKED)
