"""Text as comparable words, each with its place in the text as it was written.

Text is brought to the compatibility form NFKC (Unicode annex 15) and case-folded, so `ＳＷＯＲＤ` and `Sword` are one word.
That is done by segments, a character with the marks that combine with it, so that every word can be traced to the characters it
came from. A word is a run of letters, digits and marks; everything else, the underscore included, stands between words.

What this does not see through, on purpose so far: letters of other scripts that look alike, digits for letters, characters
between the letters, invisible ones included, and languages written without spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

LONGEST_SEGMENT = 32  # a character and its marks; natural text stays far below, and sorting marks takes quadratic time

_ASCII_WORD = re.compile(r"[a-z0-9]+")


class Word(NamedTuple):
    """A comparable word, and the [start, end) of what it came from, in code points of the text."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a text, in order."""
    if text.isascii():
        return [Word(found[0], found.start(), found.end()) for found in _ASCII_WORD.finditer(text.lower())]
    return list(_words(text))


def _words(text: str) -> Iterator[Word]:
    letters: list[str] = []
    begin = finish = 0
    for start, end in _segments(text):
        for character in _comparable(text[start:end]):
            if _is_of_a_word(character):
                begin = begin if letters else start
                finish = end
                letters.append(character)
            elif letters:
                yield Word("".join(letters), begin, finish)
                letters.clear()
    if letters:
        yield Word("".join(letters), begin, finish)


def _segments(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(text)):
        if not _combines(text[index]) or index - start == LONGEST_SEGMENT:
            yield start, index
            start = index
    if text:
        yield start, len(text)


def _combines(character: str) -> bool:
    """Whether the character may merge with the one before it: marks, and the vowels and finals of Hangul."""
    if character.isascii():
        return False
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


def _comparable(segment: str) -> str:
    if segment.isascii():
        return segment.lower()
    folded = unicodedata.normalize("NFKC", segment).casefold()
    return unicodedata.normalize("NFKC", folded)


def _is_of_a_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
