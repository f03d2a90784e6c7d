from itertools import combinations, product

import pytest

from limner_scenes.relations import admits
from limner_scenes.scene import COLOURS, INVERSE, KINDS, Scene, Thing
from limner_scenes.splits import has_held_out_names, held_out, is_held_out
from limner_scenes.wording import read
from limner_scenes.worlds import SMALL, WHOLE, World

WORLDS = pytest.mark.parametrize("world", [SMALL, WHOLE], ids=lambda world: world.name)
NAMED = [name for name in product(SMALL.colours, SMALL.kinds) if name not in held_out().names]


def scene(first: tuple[str, str], relation: str, second: tuple[str, str]) -> Scene:
    things = [Thing(kind, colour, "small", 0.5, 0.5, 0.18) for colour, kind in (first, second)]
    return Scene("white", (things[0], things[1]), relation)


def several(name: tuple[str, str], count: int) -> Scene:
    return Scene("white", (Thing(name[1], name[0], "small", 0.5, 0.5, 0.18),) * count, None)


def content(text: str) -> str:
    said = read(text)
    assert said is not None
    return said.content()


@WORLDS
def test_at_least_fifteen_names_in_a_hundred_are_held_out_and_every_word_is_still_trained(world: World) -> None:
    names = list(product(world.colours, world.kinds))
    trained = [name for name in names if name not in held_out().names]
    assert 0.15 <= 1 - len(trained) / len(names) <= 0.2
    assert {colour for colour, _ in trained} == set(world.colours)
    assert {kind for _, kind in trained} == set(world.kinds)


@WORLDS
def test_at_least_fifteen_in_a_hundred_of_the_kinds_that_each_relation_admits_are_held_out(world: World) -> None:
    for relation in world.relations:
        both = [
            {first, second}
            for first, second in product(world.kinds, world.kinds)
            if first != second and admits(relation, first, second)
        ]
        assert 0.15 <= sum(frozenset(kinds) in held_out().together for kinds in both) / len(both) <= 0.25, relation


@pytest.mark.parametrize("name", sorted(held_out().names))
def test_whatever_names_or_shows_a_held_out_name_is_held_out(name: tuple[str, str]) -> None:
    colour, kind = name
    assert is_held_out(f"there is a large {colour} {kind} on a grey background")
    assert is_held_out(f"A {colour.upper()} {kind}, below a red ring")
    assert has_held_out_names(scene(("red", "ring"), "above", name))


def test_kinds_that_are_never_together_are_so_in_any_colours_and_any_relation() -> None:
    first, second = sorted(next(iter(held_out().together)))
    assert is_held_out(scene(("red", first), "above", ("black", second)))
    assert is_held_out(f"a {second} and a {first}, in pencil")
    assert is_held_out(f"a {first} in front of a {second} at night")


def test_about_one_prompt_in_ten_is_held_out() -> None:
    apart = [
        (first, second)
        for first, second in combinations(NAMED, 2)
        if first[1] != second[1] and frozenset((first[1], second[1])) not in held_out().together
    ]
    prompts = [f"a {first[0]} {first[1]} above a {second[0]} {second[1]}" for first, second in apart]
    assert 0.08 <= sum(map(is_held_out, prompts)) / len(prompts) <= 0.12


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a red ring above a blue square", "there is a blue square below a red ring on a light blue background"),
        ("a red ring left of a blue square", "an image of a blue square to the right of a red ring"),
        ("a pink heart on a beige background", "On a beige background, a pink heart."),
        ("a large green cross in the top left", "this is a large green cross in the top left"),
        ("three red cats", "under a night sky, three red cats, in pencil"),
        ("a cat and a fish", "a fish and a cat"),
        ("an astronaut riding a horse", "a horse ridden by an astronaut"),
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
        ("two red cats", "three red cats"),
        ("a red cat in pencil", "a red cat in watercolour"),
    ],
)
def test_different_content_is_told_apart(one: str, other: str) -> None:
    assert content(one) != content(other)


def test_a_scene_is_held_out_with_every_full_caption_of_it() -> None:
    for first, relation, second in product(NAMED[:8], INVERSE, NAMED[8:16]):
        if first[1] == second[1]:
            continue
        shown = is_held_out(scene(first, relation, second))
        assert shown == is_held_out(f"a {first[0]} {first[1]} {relation} a {second[0]} {second[1]}")
        assert shown == is_held_out(scene(second, INVERSE[relation], first))
    for name in NAMED[:20]:
        assert is_held_out(several(name, 3)) == is_held_out(f"three {name[0]} {name[1]}" + ("s" if name[1] != "fish" else ""))


def test_words_of_no_scene_are_not_held_out() -> None:
    assert not is_held_out("the quick brown fox")
    assert set(COLOURS) >= {colour for colour, _ in held_out().names}
    assert set(KINDS) >= {kind for kinds in held_out().together for kind in kinds}
