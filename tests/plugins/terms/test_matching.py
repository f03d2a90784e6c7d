from __future__ import annotations

import time

import pytest

from limner_terms.lists import Term, TermList
from limner_terms.matching import Matcher

WEAPON = TermList(
    category="weapon",
    endings=("", "s"),
    terms=("gun", "machine gun", "sword", Term(term="hunting knife", forms=("hunting knives",))),
)
SKULL = TermList(category="skull", terms=("skull", "machine gun skull"))


def found(prompt: str, *lists: TermList) -> list[tuple[str, str, str]]:
    matches = Matcher(lists or (WEAPON, SKULL)).matches(prompt)
    return [(match.category, match.term, prompt[match.start : match.end]) for match in matches]


@pytest.mark.parametrize(
    ("prompt", "places"),
    [
        ("a red sword", ["sword"]),
        ("two Swords!", ["Swords"]),
        ("ＳＷＯＲＤ", ["ＳＷＯＲＤ"]),
        ("sword_in_stone", ["sword"]),
        ("the sword's edge", ["sword"]),
        ("hunting\u2003Knives", ["hunting\u2003Knives"]),
        ("swordfish, wordsmith, begun, gunnel, Scunthorpe", []),
        ("a hunting dog and a knife", []),
        ("s w o r d", []),
        ("", []),
    ],
)
def test_whole_words_match_in_any_case_and_number(prompt: str, places: list[str]) -> None:
    assert [place for _, _, place in found(prompt)] == places


def test_the_longest_term_of_a_category_counts_at_each_word() -> None:
    assert found("a machine-gun skull") == [
        ("skull", "machine gun skull", "machine-gun skull"),
        ("weapon", "machine gun", "machine-gun"),
        ("weapon", "gun", "gun"),
        ("skull", "skull", "skull"),
    ]


def test_one_term_may_be_of_several_categories() -> None:
    other = TermList(category="film", terms=("sword",))
    assert {category for category, _, _ in found("sword", WEAPON, other)} == {"weapon", "film"}


def test_the_digest_tells_what_can_match_and_nothing_else() -> None:
    digest = Matcher([WEAPON, SKULL]).digest
    assert digest == Matcher([SKULL, WEAPON]).digest
    assert digest == Matcher([SKULL, WEAPON.model_copy(update={"terms": (*WEAPON.terms, "SWORD")})]).digest
    assert digest != Matcher([WEAPON]).digest
    assert digest != Matcher([SKULL, WEAPON.model_copy(update={"endings": ("",)})]).digest
    assert digest != Matcher([SKULL, WEAPON.model_copy(update={"category": "arms"})]).digest


def test_no_prompt_and_no_list_makes_matching_slow() -> None:
    """Terms that all begin alike, over a prompt of their beginning: the work must not be their product."""
    alike = TermList(category="a", terms=tuple(f"gun gun gun {i}" for i in range(5_000)))
    matcher = Matcher([alike])
    start = time.process_time()
    assert list(matcher.matches("gun " * 2_000)) == []
    assert time.process_time() - start < 0.5
