from __future__ import annotations

import sys

import pytest

from limner_terms.characters import ASCII, FLIPPED, MOST_KEPT, PLAIN, Table, is_ignorable, script
from limner_terms.lookalikes import FASHION, LOOK, OTHERWISE, SIGNS, confusables


@pytest.mark.parametrize(
    ("written", "plain", "by_sound", "by_look"),
    [
        ("ＳＷ", "sw", "sw", "sw"),
        ("🅢🆂🇸⒮", "ssss", "ssss", "ssss"),
        ("ꜱᴡ", "ꜱᴡ", "sw", "sw"),
        ("ѕш", "ѕш", "dzsh", "sw"),
        ("ᏚᎳ", "ᏚᎳ", "ᏚᎳ", "sw"),
        ("₴₩", "\t\t", "hrnw", "sw"),
        ("5!l", "5\tl", "5\tl", "sii"),
        ("🗡", "\t", "\tdagger\t", "\tdagger\t"),
        ("é", "e", "e", "e"),
        ("हि", "हि", "हि", "हि"),
        ("滚", " 滚 ", " 滚 ", " 滚 "),
    ],
)
def test_a_character_reads_by_its_kind_its_sound_and_its_look(written: str, plain: str, by_sound: str, by_look: str) -> None:
    readings = ["".join(table[character] for character in written) for table in (PLAIN, ASCII, LOOK)]
    assert readings == [plain, by_sound, by_look]


def test_text_turned_upside_down_is_turned_back() -> None:
    assert "".join(FLIPPED[character] for character in "pɹoʍs") == "drows"


def test_no_character_of_unicode_reads_as_anything_but_parts_of_words() -> None:
    for code in (*range(0x3000), *range(0x3000, sys.maxunicode, 211), 0xD800, 0xDFFF):  # all of them takes half a minute
        for table in (PLAIN, ASCII, LOOK):
            reading = table[chr(code)]
            assert not any(character.isspace() and character not in " \t" for character in reading), (hex(code), reading)
            assert not any(0xD800 <= ord(character) < 0xE000 for character in reading), hex(code)


def test_a_table_does_not_grow_without_end() -> None:
    table = Table(lambda character: character)
    for code in range(MOST_KEPT + 10):
        assert table[chr(code)] == chr(code)
    assert len(table) <= MOST_KEPT


def test_the_shipped_confusables_are_those_of_unicode() -> None:
    like = confusables()
    assert len(like) == 6311
    assert (like["а"], like["Ѕ"], like["𝐚"], like["m"]) == ("a", "S", "a", "rn")


def test_every_sign_and_letter_of_fashion_stands_for_one_letter() -> None:
    letters = [*SIGNS.values(), *OTHERWISE.values(), *FASHION]
    assert all(len(letter) == 1 and letter.isascii() and letter.isalpha() for letter in letters)
    assert len(set("".join(FASHION.values()))) == len("".join(FASHION.values()))


@pytest.mark.parametrize("code", [0x00AD, 0x200B, 0x200D, 0x202E, 0x2066, 0xFE0F, 0xFEFF, 0xE0061])
def test_what_is_made_not_to_be_seen_is_ignored(code: int) -> None:
    assert is_ignorable(chr(code))
    assert PLAIN[chr(code)] == ""


def test_scripts_are_told_by_name() -> None:
    assert [script(character) for character in "aжضह漢1"] == ["LATIN", "CYRILLIC", "ARABIC", "DEVANAGARI", "CJK", ""]
