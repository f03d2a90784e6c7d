"""The readings of a text: as it stands, by sound, by look and upside down, each by words, by letters and without repetitions.

A ladder that applied one reading to the outcome of another would lose what the first destroys (a 1 that was an l is no more an
i), so the readings branch: each starts from the text. A reading in which nothing of a word has changed says nothing new, so a
term found by it counts only where something was in disguise.

Letters are put together only inside one run without white space (`s.w.o.r.d`) or over a run of single letters (`s w o r d`),
never across ordinary words, so the s of `is word` stays where it is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from enum import IntFlag, auto
from itertools import groupby, islice
from typing import NamedTuple

from limner_terms.characters import ASCII, FLIPPED, INNER, PLAIN, UPSIDE_DOWN
from limner_terms.lookalikes import (
    DRAWN,
    DRAWN_LETTER,
    INSIDE_ONLY,
    LOOK,
    LOOK_OTHERWISE,
    OTHERWISE,
    PLAIN_LOOK,
    SIGNS,
    TWO_FOR_ONE,
    one_letter,
)

LEAST_FOR_TWO = 6  # letters of a term that `rn` for m may hide: burn is no bum


class Form(IntFlag):
    """The forms of a term that a line is searched for."""

    PLAIN = auto()
    BACKWARDS = auto()
    LOOK = auto()
    STRETCHED = auto()
    STRETCHED_LOOK = auto()
    ANY_BACKWARDS = auto()


class Word(NamedTuple):
    """A word of a reading, and the [start, end) of the text that it was read from.

    `letters` is how many it had before repetitions went.
    """

    text: str
    start: int
    end: int
    disguised: bool = False
    letters: int = 0


class Line(NamedTuple):
    """Words of one reading, as `text` with single spaces between and around them; `words` gives those asked for, with places.

    `open` where a term counts that is in no disguise; `least` letters a term must have.
    """

    how: str
    form: Form
    text: str
    words: Callable[[slice], Sequence[Word]]
    open: bool = False
    least: int = 1


class Spelled(NamedTuple):
    """A run of words of one or two letters that may spell something out."""

    how: str
    form: Form
    words: Sequence[Word]


_WORD = re.compile(r"[^ \t]+")
_CHUNK = re.compile(r"[^ ]+")
_INNER = re.compile(r"[^ \t]\t+[^ \t]")
_REPEATED = re.compile(r"([^ \t])\1+")
_SPELT = re.compile(r"(?<![^ \t])[^ \t]{1,2}(?:[ \t]{1,4}[^ \t]{1,2}(?![^ \t])){2,}")
_HAS_SIGNS = re.compile(f"[{re.escape(''.join(SIGNS))}\\\\/\\[]")
_HAS_PAIRS = re.compile("|".join(TWO_FOR_ONE), re.IGNORECASE | re.ASCII)
_INSIDE_ONLY = f"[{re.escape(''.join(sorted(INSIDE_ONLY)))}]++"
_LETTER = r"[\w@$\u00a1-\u1fff\u20a0-\u20cf\u2100-\u2fff\u3040-\U0010ffff]"  # or a sign that serves as one
_AT_EDGE = re.compile(rf"(?<!{_LETTER}){_INSIDE_ONLY}(?={_LETTER})|(?<={_LETTER}){_INSIDE_ONLY}(?!{_LETTER})")
_ASCII_PLAIN = {code: PLAIN[chr(code)] for code in range(128)}


class Reading:
    """One reading of a text. `changed` are the places where it differs from the text as it stands; None if it is that."""

    def __init__(self, how: str, form: Form, pieces: Sequence[str], changed: Sequence[int] | None, least: int = 1) -> None:
        self.how, self.form, self.least = how, form, least
        self.text = "".join(pieces)
        self._changed = changed
        self._size = len(pieces)
        simple = isinstance(pieces, str)
        self._origin = range(len(pieces)) if simple else [i for i, piece in enumerate(pieces) for _ in piece]

    def lines(self) -> Iterator[Line]:
        """The words, and beside them, where they tell anything, the words without inner signs and without repetitions."""
        text = _spaced(self.text)
        yield Line(self.how, self.form, text, self.words, self._changed is None, self.least)
        if _INNER.search(self.text):
            together = _spaced(self.text.replace(INNER, ""))
            yield Line(f"{self.how}, put together", self.form, together, self.chunks, least=self.least)
        if _is_stretched(text):
            form = Form.STRETCHED_LOOK if self.form & Form.LOOK else Form.STRETCHED
            yield Line(f"{self.how}, stretched", form, without_repetitions(text), self.stretched, least=self.least)

    def spelled(self) -> Iterator[Spelled]:
        """The runs of three or more words of one or two letters."""
        for run in _SPELT.finditer(self.text):
            words = [self._word(each[0], *each.span()) for each in _WORD.finditer(self.text, *run.span())]
            yield Spelled(f"{self.how}, spelled out", self.form, words)

    def words(self, which: slice = slice(None)) -> list[Word]:
        """The words, in order."""
        found = islice(_WORD.finditer(self.text), which.start, which.stop)
        return [self._word(each[0], *each.span()) for each in found]

    def chunks(self, which: slice = slice(None)) -> list[Word]:
        """What stands between white space, without the signs inside; in disguise where there are any."""
        found = (each for each in _CHUNK.finditer(self.text) if each[0].strip(INNER))
        return [self._chunk(each.start(), each[0]) for each in islice(found, which.start, which.stop)]

    def stretched(self, which: slice = slice(None)) -> list[Word]:
        """The words, every repeated letter once; in disguise where some are repeated."""
        return [_without_repetitions(word) for word in self.words(which)]

    def _chunk(self, start: int, chunk: str) -> Word:
        inner = chunk.strip(INNER)
        start += chunk.index(inner)
        return self._word(inner.replace(INNER, ""), start, start + len(inner))._replace(disguised=INNER in inner)

    def _word(self, text: str, start: int, end: int) -> Word:
        first = self._origin[start]
        after = self._origin[end] if end < len(self._origin) else self._size
        last = max(after, self._origin[end - 1] + 1)
        return Word(text, first, last, self._differs(first, last), len(text))

    def _differs(self, start: int, end: int) -> bool:
        return bool(self._changed) and bisect_left(self._changed, start) < bisect_left(self._changed, end)  # type: ignore[arg-type]


def plain_words(text: str) -> list[Word]:
    """The words of a text as it stands."""
    return _plain(text).words()


def readings(text: str) -> Iterator[Reading]:
    """Every reading in which the text is anything else than in the ones before."""
    plain = _plain(text)
    yield plain
    if not text.isascii():
        yield from _by_sound(text)
        yield from _flipped(text)
    if not text.isascii() or _HAS_SIGNS.search(text):
        yield from _by_look(text)
        yield from _by_other_look(text)
    if _HAS_PAIRS.search(text):
        yield from _by_pairs(text)


def _plain(text: str) -> Reading:
    pieces: Sequence[str] = text.translate(_ASCII_PLAIN) if text.isascii() else [PLAIN[character] for character in text]
    return Reading("as it stands", Form.PLAIN | Form.BACKWARDS, pieces, None)


def _by_sound(text: str) -> Iterator[Reading]:
    pieces = [ASCII[character] for character in text]
    if changed := [i for i, character in enumerate(text) if pieces[i] != PLAIN[character]]:
        yield Reading("transliterated", Form.PLAIN, pieces, changed)


def _flipped(text: str) -> Iterator[Reading]:
    if changed := [i for i, character in enumerate(text) if character in UPSIDE_DOWN]:
        form = Form.PLAIN | Form.BACKWARDS | Form.ANY_BACKWARDS
        yield Reading("upside down", form, [FLIPPED[character] for character in text], changed)


def _by_look(text: str) -> Iterator[Reading]:
    pieces = [LOOK[character] for character in text]
    _mend_edges(text, pieces)
    _draw(text, pieces)
    if changed := _changed(text, pieces):
        yield Reading("by its look", Form.LOOK, pieces, changed)


def _by_other_look(text: str) -> Iterator[Reading]:
    if not OTHERWISE.keys().isdisjoint(text):
        pieces = [LOOK_OTHERWISE[character] for character in text]
        _mend_edges(text, pieces)
        yield Reading("by its look", Form.LOOK, pieces, _changed(text, pieces))


def _by_pairs(text: str) -> Iterator[Reading]:
    pieces = [LOOK[character] for character in text]
    _mend_edges(text, pieces)
    for found in _HAS_PAIRS.finditer(text):
        pieces[found.start()], pieces[found.start() + 1] = one_letter(TWO_FOR_ONE[found[0].lower()]), ""
    yield Reading("by its look", Form.LOOK, pieces, _changed(text, pieces), LEAST_FOR_TWO)


def _changed(text: str, pieces: Sequence[str]) -> list[int]:
    return [i for i, character in enumerate(text) if pieces[i] != PLAIN_LOOK[character]]


def _mend_edges(text: str, pieces: list[str]) -> None:
    """Signs at the edge of a word are no letters."""
    for found in _AT_EDGE.finditer(text):
        for place in range(*found.span()):
            pieces[place] = INNER


def _draw(text: str, pieces: list[str]) -> None:
    for found in DRAWN_LETTER.finditer(text):
        start, end = found.span()
        pieces[start:end] = [one_letter(DRAWN[found[0]]), *[""] * (end - start - 1)]


def _without_repetitions(word: Word) -> Word:
    text = without_repetitions(word.text)
    return word._replace(text=text, disguised=text != word.text)


def _is_stretched(text: str) -> bool:
    """Whether a letter stands three times in some word, or two are doubled: in English a rare thing."""
    last = 0
    for found in _REPEATED.finditer(text):
        if found.end() - found.start() > 2 or (last and text.find(" ", last, found.start()) < 0):
            return True
        last = found.end()
    return False


def _spaced(text: str) -> str:
    return f" {' '.join(text.split())} "


def without_repetitions(text: str) -> str:
    """Text with every repeated letter once."""
    return "".join(letter for letter, _ in groupby(text))
