from itertools import product

import pytest

from limner_scenes.scene import COLOURS, INVERSE, RELATIONS, SHAPES, Scene, Thing
from limner_scenes.splits import content, has_held_out_pair, held_out, is_held_out

NAMED = [(colour, shape) for colour, shape in product(COLOURS, SHAPES) if (colour, shape) not in held_out().pairs]


def scene(first: tuple[str, str], relation: str, second: tuple[str, str]) -> Scene:
    things = [Thing(shape, colour, "small", 0.5, 0.5, 0.18) for colour, shape in (first, second)]
    return Scene("white", (things[0], things[1]), relation)


def test_about_one_pair_in_seven_is_held_out_and_every_colour_and_shape_is_still_trained() -> None:
    assert 0.12 <= len(held_out().pairs) / 80 <= 0.18
    assert {colour for colour, _ in NAMED} == set(COLOURS)
    assert {shape for _, shape in NAMED} == set(SHAPES)
    assert all(sum(shape == other for _, other in NAMED) >= 6 for shape in SHAPES)


@pytest.mark.parametrize("pair", sorted(held_out().pairs))
def test_whatever_names_or_shows_a_held_out_pair_is_held_out(pair: tuple[str, str]) -> None:
    colour, shape = pair
    assert is_held_out(f"there is a large {colour} {shape} on a grey background")
    assert is_held_out(f"A {colour.upper()} {shape}, below a red ring")
    assert has_held_out_pair(scene(("red", "ring"), "above", pair))


def test_about_one_prompt_in_ten_is_held_out() -> None:
    prompts = [f"a {first[0]} {first[1]} above a {second[0]} {second[1]}" for first, second in product(NAMED, NAMED)]
    assert 0.08 <= sum(map(is_held_out, prompts)) / len(prompts) <= 0.12


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a red ring above a blue square", "there is a blue square below a red ring on a light blue background"),
        ("a red ring left of a blue square", "an image of a blue square to the right of a red ring"),
        ("a pink heart on a beige background", "On a beige background, a pink heart."),
        ("a large green cross in the top left", "this is a large green cross in the top left"),
    ],
)
def test_wordings_of_the_same_content_fall_together(one: str, other: str) -> None:
    assert content(one) == content(other)
    assert is_held_out(one) == is_held_out(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a red ring above a blue square", "a blue square above a red ring"),
        ("a red ring above a blue square", "a blue ring above a red square"),
        ("a blue ring on a white background", "a blue ring on a light blue background"),
        ("a large red ring", "a red ring"),
    ],
)
def test_different_content_is_told_apart(one: str, other: str) -> None:
    assert content(one) != content(other)


def test_a_scene_is_held_out_with_every_full_caption_of_it() -> None:
    for first, relation, second in product(NAMED[:8], RELATIONS, NAMED[8:16]):
        shown = is_held_out(scene(first, relation, second))
        assert shown == is_held_out(f"a {first[0]} {first[1]} {relation} a {second[0]} {second[1]}")
        assert shown == is_held_out(scene(second, INVERSE[relation], first))
