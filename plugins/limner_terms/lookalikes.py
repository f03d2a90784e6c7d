"""What characters look like: Unicode's confusables (UTS 39), letters of the fashion alphabets, digits and signs for letters.

Unicode's table maps `1` to l, `0` to O and `m` to rn, which is of no use beside digits that stand for letters; so of ASCII only
what stands here counts. Since 1 stands for i as well as for l, both are read as i, in prompts and in terms alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from limner_terms.characters import ASCII, PLAIN, Table, as_words, framed_letter, is_accent, is_ignorable

SIGNS: Mapping[str, str] = {
    "0": "o", "1": "i", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "i", "+": "t", "(": "c", "<": "c", "{": "c",
}  # fmt: skip
"""Digits and signs that stand for letters."""

OTHERWISE: Mapping[str, str] = {"6": "b", "7": "i", "9": "p", "2": "s", "5": "z", "0": "d", "(": "k", "+": "f"}
"""What some of them stand for besides."""

INSIDE_ONLY = frozenset("!|+(<{")
"""Signs that are what they are at the edge of a word: `sword!`, `(sword)`."""

DRAWN: Mapping[str, str] = {
    "\\/\\/": "w", "/\\/\\": "m", "|\\/|": "m", "/\\/": "n", "|\\|": "n",
    "/\\": "a", "\\/": "v", "|-|": "h", "|_|": "u",
    "()": "o", "[]": "o", "|)": "d", "|]": "d", "[)": "d", "|<": "k", "|3": "b", "|>": "p", "|2": "r", "><": "x",
}  # fmt: skip
"""Letters drawn from several signs."""

TWO_FOR_ONE: Mapping[str, str] = {"rn": "m", "vv": "w", "cl": "d"}
"""Two letters that look like one."""

FASHION: Mapping[str, str] = {
    "a": "λαΔ₳ᗩ卂ΛДд", "b": "ßβ฿ᗷ乃вьЬ", "c": "¢₵ᑕ匚ςс©", "d": "ᗪđÐδ",
    "e": "€ΞΣ乇ᗴᕮэЄє", "f": "ƒ₣ᖴ千", "g": "₲Ꮆ", "h": "ᕼ卄Ħнћ",
    "i": "丨ι¡Łㄥᒪ£", "j": "ᒍﾌנ", "k": "₭Ҝκк", "m": "₥ᗰ爪м", "n": "₦ᑎ几ηиИПп", "o": "Øøᗝㄖσθ", "p": "₱ᑭ卩ρ", "q": "ᑫɊ",
    "r": "ɌⱤᖇ尺яЯгГ®", "s": "₴ᔕ丂ѕ§", "t": "₮ㄒτтŦ†", "u": "ᑌㄩυцµ",
    "v": "ᐯν√", "w": "₩ᗯ山ωшщШЩ", "x": "᙭乂χжЖ×", "y": "¥ㄚγуУч",
    "z": "ᘔ乙",
}  # fmt: skip
"""Letters of other scripts and money signs that fashion alphabets use for ours, whatever they sound like."""

DRAWN_LETTER = re.compile("|".join(re.escape(signs) for signs in sorted(DRAWN, key=len, reverse=True)))

_FASHIONED = {sign: letter for letter, signs in FASHION.items() for sign in signs}
_SAME = str.maketrans("l", "i")


def one_letter(text: str) -> str:
    """The text with i and l as one letter: the form in which looks are compared."""
    return text.translate(_SAME)


@lru_cache(maxsize=1)
def confusables() -> Mapping[str, str]:
    """Unicode's characters that look alike, by character."""
    path = Path(__file__).with_name("confusables.txt")
    rows = (line.split(";") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {_characters(source): _characters(target) for source, target in rows}


def _characters(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in codes.split())


def _look(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    if character.isascii() or is_ignorable(character):
        return one_letter(PLAIN[character])
    whole = framed_letter(character) or character
    return one_letter("".join(_letters(each) for each in unicodedata.normalize("NFKD", whole)))


def _letters(character: str) -> str:
    """What one character looks like in our letters, else what it sounds like; the character itself where it does neither."""
    if character.isascii() or is_accent(character):
        return PLAIN[character]
    if character in _FASHIONED:
        return _FASHIONED[character]
    like, sound = confusables().get(character, ""), ASCII[character]
    if like.isascii() and like:
        return as_words(like.casefold())
    if not like or (sound.isascii() and len(sound) == 1):
        return sound
    return "".join(PLAIN[each] if each.isascii() else ASCII[each] for each in like)


PLAIN_LOOK = Table(lambda character: one_letter(PLAIN[character]))
"""PLAIN with i and l as one: what LOOK is where nothing is disguised."""

LOOK = Table(_look)
LOOK_OTHERWISE = Table(lambda character: one_letter(OTHERWISE.get(character, "")) or LOOK[character])
