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
    with pytest.raises(ValueError, match="unknown shape 'cube'; known are circle"):
        Thing("cube", "red", "large", 0.5, 0.5, 0.3)
    with pytest.raises(ValueError, match="unknown background 'plaid'"):
        Scene("plaid", (thing(),), None)


def test_a_relation_takes_two_things_and_two_things_take_a_relation() -> None:
    with pytest.raises(ValueError, match="relation=None"):
        Scene("white", (thing(),), "above")
    with pytest.raises(ValueError, match="unknown relation None"):
        Scene("white", (thing(), thing()), None)
    with pytest.raises(ValueError, match="one or two things, not 0"):
        Scene("white", (), None)
