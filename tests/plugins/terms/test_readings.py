from __future__ import annotations

import time
from itertools import pairwise

import pytest
from properties import for_all, some_text

from limner_terms.readings import plain_words, readings


def texts(text: str) -> list[str]:
    return [word.text for word in plain_words(text)]


@pytest.mark.parametrize(
    ("text", "comparable"),
    [
        ("A red SWORD, above.", ["a", "red", "sword", "above"]),
        ("ＳＷＯＲＤ ｓｗｏｒｄ", ["sword", "sword"]),
        ("𝐬𝐰𝐨𝐫𝐝 ⓢⓦⓞⓡⓓ 🅂🅆🄾🅁🄳", ["sword", "sword", "sword"]),
        ("ﬁrearm", ["firearm"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("Totenköpfe Totenko\u0308pfe", ["totenkopfe", "totenkopfe"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σισυφοσ", "σισυφοσ"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("machine-gun_nest's", ["machine", "gun", "nest", "s"]),
        ("赤い剣", ["赤", "い", "剣"]),
        ("a\x00sword\ud800x", ["a", "sword", "x"]),
        ("s\u200bwo\ufe0frd", ["sword"]),
        ("😀\u200d👩 !?", []),
        ("", []),
    ],
)
def test_text_becomes_comparable_words(text: str, comparable: list[str]) -> None:
    assert texts(text) == comparable


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a red sword", ["a", "red", "sword"]),
        ("é ﬁre-arm ＳＷ", ["é", "ﬁre", "arm", "ＳＷ"]),
        ("ko\u0308pfe, ㎏", ["ko\u0308pfe", "㎏"]),
        ("İstanbul ＡＢ", ["İstanbul", "ＡＢ"]),
        ("sword\u0301 x", ["sword\u0301", "x"]),
    ],
)
def test_a_word_knows_where_it_was_written(text: str, places: list[str]) -> None:
    assert [text[word.start : word.end] for word in plain_words(text)] == places


def test_places_are_in_order_and_inside_the_text_in_every_reading() -> None:
    def check(text: str) -> None:
        for reading in readings(text):
            for line in reading.lines():
                found = line.words(slice(None))
                assert [word.text for word in found] == line.text.split()
                for word in found:
                    assert 0 <= word.start < word.end <= len(text)
                for one, next_one in pairwise(found):
                    assert one.start <= next_one.start
                    assert one.end <= next_one.end

    for_all(lambda random: some_text(random, longest=60, surrogates=True), check, examples=500)


def test_the_quick_way_for_plain_text_is_the_same_way() -> None:
    def check(text: str) -> None:
        assert plain_words(text) == plain_words(f"{text} é")[:-1]

    for_all(lambda random: "".join(chr(random.randrange(128)) for _ in range(random.randrange(60))), check, examples=500)


def test_plain_words_have_one_reading() -> None:
    assert [reading.how for reading in readings("a red sword above a blue square")] == ["as it stands"]


def test_a_reading_tells_which_words_it_changed() -> None:
    by_look = next(reading for reading in readings("a 5word above") if reading.how == "by its look")
    [line] = [line for line in by_look.lines() if line.how == "by its look"]
    assert [(word.text, word.disguised) for word in line.words(slice(None))] == [
        ("a", False),
        ("sword", True),
        ("above", False),
    ]


def test_letters_are_never_put_together_across_words() -> None:
    lines = [line.text for reading in readings("is w.o.r.d or no") for line in reading.lines()]
    assert " is word or no " in lines
    assert not any("sword" in text for text in lines)


def test_thousands_of_marks_on_one_letter_take_little_time() -> None:
    start = time.process_time()
    plain_words("a" + "\u0301\u0316" * 5_000 + " sword")
    assert time.process_time() - start < 1.0
