"""What is odd about how a prompt is written, whatever it says: facts for rules, and for a reviewer who wonders.

Joined emoji, flags, and the joiners of Arabic and Indic text are as they should be and count for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from limner_terms.characters import folded, is_accent, is_ignorable, script
from limner_terms.documents import Document

MOST_COUNTED = 100

_EAST_ASIAN = frozenset(("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO"))  # written in one word
_JOINED = frozenset((
    "ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA",
    "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN", "THAI", "LAO",
))  # fmt: skip
"""Scripts whose letters join, and are told how by invisible characters."""

_WORD = re.compile(r"[^\W\d_]+")
_PICTURES = re.compile("[\u00a9\u00ae\u2010-\u303d\U0001f000-\U0001faff]")
_TAGS = range(0xE0020, 0xE0080)


class Features(NamedTuple):
    """Words that mix scripts, invisible characters that have no business there, coded runs; each counted up to a bound.

    `foreign` is the share of letters in scripts that none of the listed terms is written in.
    """

    mixed_scripts: int
    invisibles: int
    encoded: int
    foreign: float

    def values(self) -> Mapping[str, float]:
        """The features by the last part of their signals' names."""
        return {
            "mixed_scripts": float(self.mixed_scripts),
            "invisibles": float(self.invisibles),
            "encoded": float(self.encoded),
            "unsupported_script": self.foreign,
        }


def measure(prompt: str, decoded: Sequence[Document], scripts: frozenset[str]) -> Features:
    """The features of a prompt. `decoded` are its documents besides itself, `scripts` those that terms are written in."""
    encoded = min(sum(map(_coded, decoded)), MOST_COUNTED)
    if prompt.isascii():
        return Features(0, 0, encoded, 0.0)
    return Features(_mixed_words(prompt), _odd_invisibles(prompt), encoded, _foreign_share(prompt, scripts))


def _coded(document: Document) -> int:
    """How many letters and runs of a document were in a code."""
    spans = zip(document.starts, document.ends, document.text, strict=True)
    coded = {(start, end) for start, end, character in spans if end - start > 1 and character.isalnum()}
    return len(coded)


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of the letters of a text; letters in other dress are of the script they dress."""
    return frozenset(_scripts(text))


def _scripts(text: str) -> Iterator[str]:
    for character in text:
        name = script(character)
        if name and not is_accent(character) and not is_ignorable(character):
            plain = folded(character) if not character.isascii() else character
            yield _of_one_writing(script(plain[:1]) or name)


def _of_one_writing(name: str) -> str:
    return "CJK" if name in _EAST_ASIAN else name


def _mixed_words(prompt: str) -> int:
    words = (word[0] for word in _WORD.finditer(prompt) if not word[0].isascii())
    return min(sum(len(scripts_of(word)) > 1 for word in words), MOST_COUNTED)


def _odd_invisibles(prompt: str) -> int:
    """Ignorable characters, but for those that join pictures or letters of scripts that are joined."""
    odd = 0
    for place, character in enumerate(prompt):
        if is_ignorable(character) and not _belongs(prompt, place):
            odd += 1
    return min(odd, MOST_COUNTED)


def _belongs(prompt: str, place: int) -> bool:
    before = next((each for each in reversed(prompt[max(place - 8, 0) : place]) if not is_ignorable(each)), "")
    if ord(prompt[place]) in _TAGS and before != "\U0001f3f4":  # the black flag, which tags make a country's
        return False
    return before != "" and (before in "0123456789#*" or bool(_PICTURES.match(before)) or script(before) in _JOINED)


def _foreign_share(prompt: str, scripts: frozenset[str]) -> float:
    found = list(_scripts(prompt))
    return sum(name not in scripts for name in found) / len(found) if found else 0.0
