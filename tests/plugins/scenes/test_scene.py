from dataclasses import replace

import pytest

from limner_scenes.scene import Scene, Thing


def thing(x: float = 0.5, y: float = 0.5) -> Thing:
    return Thing("circle", "red", "large", x, y, 0.3)


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [(0.5, 0.5, None), (0.58, 0.43, None), (0.2, 0.5, "left"), (0.5, 0.8, "bottom"), (0.8, 0.2, "top right")],
)
def test_a_thing_knows_the_side_or_corner_it_is_in(x: float, y: float, place: str | None) -> None:
    assert thing(x, y).place == place


def test_a_word_the_world_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown kind 'unicorn'; known are astronaut"):
        Thing("unicorn", "red", "large", 0.5, 0.5, 0.3)
    with pytest.raises(ValueError, match="unknown setting 'plaid'"):
        Scene("plaid", (thing(),), None)
    with pytest.raises(ValueError, match="unknown style 'cubist'"):
        Scene("white", (thing(),), None, "cubist")
    with pytest.raises(ValueError, match="unknown relation 'near'"):
        Scene("white", (thing(), thing()), "near")


def test_a_relation_takes_two_things_and_things_that_differ_take_a_relation() -> None:
    with pytest.raises(ValueError, match="relation=None"):
        Scene("white", (thing(),), "above")
    with pytest.raises(ValueError, match="relation=None"):
        Scene("white", (thing(),) * 3, "above")
    with pytest.raises(ValueError, match="stand in a relation"):
        Scene("white", (thing(), replace(thing(), colour="blue")), None)
    assert Scene("white", (thing(),) * 4, None).relation is None


@pytest.mark.parametrize("things", [0, 5])
def test_a_scene_shows_one_to_four_things(things: int) -> None:
    with pytest.raises(ValueError, match=f"one to 4 things, not {things}"):
        Scene("white", (thing(),) * things, None)
