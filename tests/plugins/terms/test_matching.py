from __future__ import annotations

import base64
import time

import pytest

from limner_terms.lists import Term, TermList
from limner_terms.matching import Matcher, digest_of

WEAPON = TermList(
    category="weapon",
    endings=("", "s"),
    terms=(
        "gun", "machine gun", "sword", "pistol", Term(term="hunting knife", forms=("hunting knives",)),
        Term(term="dagger", within=True),
    ),
    carriers=("daggerboard",),
    exceptions=("water gun",),
)  # fmt: skip
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
        ("machinegun", ["machinegun"]),
        ("swordfish, wordsmith, begun, gunnel, Scunthorpe", []),
        ("a hunting dog and a knife", []),
        ("", []),
    ],
)
def test_whole_words_match_in_any_case_and_number(prompt: str, places: list[str]) -> None:
    assert [place for _, _, place in found(prompt)] == places


@pytest.mark.parametrize(
    "written",
    [
        "s w o r d", "s.w.o.r.d", "s - w - o - r - d", "s\u200bword", "s\u00adw\u00adord", "swörd", "s̶w̶o̶r̶d̶", "ѕwоrd", "ꜱᴡᴏʀᴅ",
        "🆂🆆🅾🆁🅳", "₴₩ØⱤĐ", "5w0rd", "$w0rd", "5 w 0 r d", "5\\/\\/0rd", "swoooord", "sswwoorrdd", "sw*rd", "drows", "pɹoʍs",
        "&#115;word", "%73word", "%2573word", "\\u0073word", base64.b64encode(b"a sword").decode(), "73 77 6f 72 64",
        "0111001101110111 01101111 01110010 01100100", "115 119 111 114 100",
        "\U000e0073\U000e0077\U000e006f\U000e0072\U000e0064",
    ],
)  # fmt: skip
def test_a_disguised_word_is_found_where_it_stands(written: str) -> None:
    assert found(f"two, {written}, red") == [("weapon", "sword", written)]


def test_how_a_word_was_read_is_told() -> None:
    matcher = Matcher([WEAPON])
    how = {
        written: next(matcher.matches(written)).how
        for written in ("sword", "ＳＷＯＲＤ", "5w0rd", "s w o r d", "pɹoʍs", "%73word")
    }
    assert how == {
        "sword": "",
        "ＳＷＯＲＤ": "",
        "5w0rd": "by its look",
        "s w o r d": "as it stands, spelled out",
        "pɹoʍs": "upside down",
        "%73word": "decoded",
    }


@pytest.mark.parametrize(
    "prompt",
    [
        "600 and 9u4", "U. S. A.", "nug", "is word", "gunnnel", "* * *", "g u nnels", "p 1 5 7 0 1", "as words",
        "seagull", "a\u00adrt",
    ],
)  # fmt: skip
def test_what_only_looks_a_little_like_a_term_is_left_alone(prompt: str) -> None:
    assert found(prompt) == []


def test_a_term_may_count_within_words_but_for_carriers() -> None:
    assert found("mydaggerz") == [("weapon", "dagger", "mydaggerz")]
    assert found("daggerboards, a daggerboard") == [("weapon", "dagger", "daggerboards")]
    assert found("swordplay") == []


def test_a_phrase_may_except_its_words() -> None:
    assert found("a water gun") == found("two Water-Guns") == []
    assert found("a water gun and a gun") == [("weapon", "gun", "gun")]


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


def test_terms_of_languages_without_spaces_and_of_other_scripts_are_found() -> None:
    other = TermList(category="weapon", terms=("剣", "меч", "तलवार"))
    assert found("赤い剣を持つ人", other) == [("weapon", "剣", "剣")]
    assert found("красный меч", other) == [("weapon", "меч", "меч")]
    assert found("लाल तलवार", other) == [("weapon", "तलवार", "तलवार")]


def test_the_digest_tells_what_can_match_and_nothing_else() -> None:
    digest = digest_of([WEAPON, SKULL])
    assert digest == digest_of([SKULL, WEAPON])
    assert digest == digest_of([SKULL, WEAPON.model_copy(update={"terms": (*WEAPON.terms, "SWORD")})])
    others: list[dict[str, object]] = [{"endings": ("",)}, {"category": "arms"}, {"carriers": ()}, {"exceptions": ()}]
    assert digest != digest_of([WEAPON])
    assert digest not in {digest_of([SKULL, WEAPON.model_copy(update=other)]) for other in others}


def test_no_prompt_and_no_list_makes_matching_slow() -> None:
    """Terms that all begin alike, over a prompt of their beginning: the work must not be their product."""
    alike = TermList(category="a", terms=tuple(f"gun gun gun {i}" for i in range(5_000)))
    matcher = Matcher([alike])
    start = time.process_time()
    assert list(matcher.matches("gun " * 2_000)) == []
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    "unit",
    [
        "a ",
        "a.",
        "s*",
        "%25",
        "&#38;",
        "1 ",
        "ab",
        "\u200b",
        "a\u0301",
        "ﷺ",
        "rn",
        "(",
        "0x41 ",
        "A1",
        "\\u0041",
        "🏴\U000e0067",
    ],
)
def test_the_strangest_prompts_take_bounded_time(unit: str) -> None:
    matcher = Matcher([WEAPON, SKULL])
    start = time.process_time()
    list(matcher.matches((unit * 8_000)[:8_000]))
    assert time.process_time() - start < 2.0
