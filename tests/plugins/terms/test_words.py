from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import pytest
from properties import for_all, some_text

from limner_terms.words import words


def texts(text: str) -> list[str]:
    return [word.text for word in words(text)]


@pytest.mark.parametrize(
    ("text", "comparable"),
    [
        ("A red SWORD, above.", ["a", "red", "sword", "above"]),
        ("ＳＷＯＲＤ ｓｗｏｒｄ", ["sword", "sword"]),
        ("𝐬𝐰𝐨𝐫𝐝 ⓢⓦⓞⓡⓓ", ["sword", "sword"]),
        ("ﬁrearm", ["firearm"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("Totenköpfe Totenko\u0308pfe", ["totenköpfe", "totenköpfe"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ", "σίσυφοσ"]),
        ("한글 \u1112\u1161\u11ab\u1100\u1173\u11af", ["한글", "한글"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("machine-gun_nest's", ["machine", "gun", "nest", "s"]),
        ("swo\u0301rd", ["swórd"]),
        ("a\x00sword\ud800x", ["a", "sword", "x"]),
        ("😀\u200d👩 !?", []),
        ("", []),
    ],
)
def test_text_becomes_comparable_words(text: str, comparable: list[str]) -> None:
    assert texts(text) == [unicodedata.normalize("NFKC", word) for word in comparable]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a red sword", ["a", "red", "sword"]),
        ("é ﬁre-arm ＳＷ", ["é", "ﬁre", "arm", "ＳＷ"]),
        ("ko\u0308pfe, ㎏", ["ko\u0308pfe", "㎏"]),
        ("İstanbul \u1100\u1173\u11af", ["İstanbul", "\u1100\u1173\u11af"]),
    ],
)
def test_a_word_knows_where_it_was_written(text: str, places: list[str]) -> None:
    assert [text[word.start : word.end] for word in words(text)] == places


def test_places_are_in_order_and_inside_the_text() -> None:
    def check(text: str) -> None:
        found = words(text)
        for word in found:
            assert 0 <= word.start < word.end <= len(text)
            assert word.text
        for one, next_one in pairwise(found):
            assert one.start <= next_one.start
            assert one.end <= next_one.end

    for_all(lambda random: some_text(random, longest=60, surrogates=True), check, examples=500)


def test_the_quick_way_for_plain_text_is_the_same_way() -> None:
    def check(text: str) -> None:
        assert words(text) == words(f"{text} é")[:-1]

    for_all(lambda random: "".join(chr(random.randrange(128)) for _ in range(random.randrange(60))), check, examples=500)


def test_thousands_of_marks_on_one_letter_take_little_time() -> None:
    start = time.process_time()
    words("a" + "\u0301\u0316" * 5_000 + " sword")
    assert time.process_time() - start < 1.0
