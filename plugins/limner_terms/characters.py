"""What one character reads as: the tables behind the readings of a prompt. What it looks like is in `limner_terms.lookalikes`.

A table maps a character of the prompt to the text that stands for it when texts are compared: letters, digits and marks of
words; a space for white space; a tab for what may stand inside a word (`s.w.o.r.d`); nothing for what cannot be seen. It is
filled at first use, so that a prompt costs one dictionary access a character.

- PLAIN: compatibility form without accents (NFKD, Unicode annex 15), case-folded; a letter in a circle or a flag is a letter.
- ASCII: as PLAIN, with letters of alphabets transliterated and pictographs named (anyascii).
- FLIPPED: what the character is when the page is turned upside down.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

SPACE, INNER = " ", "\t"
MOST_KEPT = 20_000  # entries of a table; natural prompts need a few hundred

_KEPT_MARKS = (0, 7, 8, 9)  # combining classes: vowel signs, nukta, kana voicing, virama are letters' worth
_IGNORABLE = frozenset((
    0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0, *range(0x180B, 0x1810),
    *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B),
))  # fmt: skip
"""Default_Ignorable_Code_Point below plane 14, which holds nothing else."""

_ALPHABETS = {  # the first of each run of 26 letters, A to Z, in a frame of its own
    0x1F110: "parenthesised", 0x1F130: "squared", 0x1F150: "negative circled", 0x1F170: "negative squared", 0x1F1E6: "regional",
    0x249C: "parenthesised small",
}  # fmt: skip
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
_TRANSLITERATED = frozenset((
    "LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "COPTIC", "GLAGOLITIC", "GOTHIC", "RUNIC", "OLD", "DESERET", "LISU",
    "BRAILLE", "MODIFIER", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "",
))  # fmt: skip
"""Scripts that are read by sound; the others' words would come out as English words that they are not."""


class Table(dict[str, str]):
    """A character's reading, worked out when it is first met."""

    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, character: str) -> str:
        if len(self) >= MOST_KEPT:
            self.clear()
        reading = self[character] = self._read(character)
        return reading


def is_ignorable(character: str) -> bool:
    """Whether the character is made not to be seen: joiners, variation selectors, directions, tags, soft hyphens."""
    code = ord(character)
    return code in _IGNORABLE or 0xE0000 <= code < 0xE1000


@cache
def script(character: str) -> str:
    """The script of a letter, as the first word of its Unicode name: LATIN, CYRILLIC, CJK; empty for a sign."""
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return unicodedata.name(character, "").partition(" ")[0]


def framed_letter(character: str) -> str:
    """The letter in a circle, a square, parentheses or a flag that has no compatibility form; empty for other characters."""
    code = ord(character)
    first = next((first for first in _ALPHABETS if first <= code < first + 26), None)
    return "" if first is None else chr(ord("a") + code - first)


def folded(character: str) -> str:
    """A character without its accents, its width, its style and its case; what remains may be of any kind."""
    if letter := framed_letter(character):
        return letter
    base = "".join(each for each in unicodedata.normalize("NFKD", character) if not is_accent(each))  # U+0345 folds to a letter
    return "".join(each for each in unicodedata.normalize("NFKD", base.casefold()) if not is_accent(each))


def as_words(text: str) -> str:
    """Text with everything that is no part of a word turned into SPACE or INNER."""
    return "".join(_part(character) for character in text)


def is_accent(character: str) -> bool:
    """Whether the character only adorns the one before it; vowel signs and the like are letters' worth."""
    category = unicodedata.category(character)
    return category == "Me" or (category == "Mn" and unicodedata.combining(character) not in _KEPT_MARKS)


def _part(character: str) -> str:
    if character.isspace():
        return SPACE
    if character.isalnum() or unicodedata.category(character)[0] == "M":
        return f" {character} " if script(character) in _UNSPACED else character
    return INNER


def _plain(character: str) -> str:
    return "" if is_ignorable(character) else as_words(folded(character))


def _ascii(character: str) -> str:
    plain = PLAIN[character]
    if character.isascii() or not plain or plain == SPACE or script(character) not in _TRANSLITERATED:
        return plain
    from anyascii import anyascii

    return as_words(anyascii(framed_letter(character) or character).lower()) or plain


def _flipped(character: str) -> str:
    return FLIPS.get(character, PLAIN[character])


_UPSIDE_DOWN = "ɐɔǝɟƃɓɥᴉıɾʞןɯɹʇʌʍʎ∀ᗺƆᗡƎℲ⅁ſʞ˥⅂ԀΌᴚ⊥┴∩Λ⅄ɅꞰꓘ"
_RIGHT_WAY_UP = "acefgghiijklmrtvwyabcdefgjkllpqrttuvyvkk"
FLIPS = {**dict(zip(_UPSIDE_DOWN, _RIGHT_WAY_UP, strict=True)), **dict(zip("pdbqunPDBQUN", "dpqbnudpqbnu", strict=True))}
UPSIDE_DOWN = frozenset(_UPSIDE_DOWN)
"""Letters that nobody writes but to turn a text upside down; p, d, u and n serve there too."""

PLAIN = Table(_plain)
ASCII = Table(_ascii)
FLIPPED = Table(_flipped)
