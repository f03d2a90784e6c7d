"""Finding listed terms in a prompt, whichever way it is read.

A term matches whole words only, all its words side by side in their order, whatever stands between them (`machine-gun` is
`machine gun`; the s of `Scunthorpe's` is a word of its own), unless its list lets it count within words. Of matches that begin
at one place the longest of a category counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from limner_terms.documents import Document, documents
from limner_terms.lists import TermForm, TermList
from limner_terms.lookalikes import LOOK
from limner_terms.patterns import Found, Listed, letters, whole_words
from limner_terms.readings import Form, Line, Spelled, Word, plain_words, readings

VERSION = 2  # of what counts as a match; part of the digest
LEAST_SPELLED = 4  # letters of a term found among other letters of a run
ONE_LETTER_WORDS = frozenset("aidmst")  # words, and what stands behind an apostrophe
MASKS = "*＊∗✱█■●•#"
_MASKED = re.compile(rf"(?<!\w)[^\W\d_](?:[^\W\d_]*[{MASKS}]+)+[^\W\d_]*(?!\w)")


class Match(NamedTuple):
    """A term found at [start, end), in code points of the prompt; `how` it was read, empty where it stands as it is listed."""

    category: str
    term: str
    start: int
    end: int
    how: str = ""


class Matcher:
    """Finds the terms of several lists. Time grows with the prompt alone, not with the lists."""

    def __init__(self, lists: Iterable[TermList]) -> None:
        lists = list(lists)
        forms = sorted({form for listed in lists for form in listed.forms()})
        self._carriers = _carriers(lists)
        self._words = whole_words(forms)
        self._letters = letters(forms)
        self._within = letters(form for form in forms if form.within)
        self._masked = _by_length(forms)

    def matches(self, prompt: str) -> Iterator[Match]:
        """Every match in the prompt, by place; matches of one category may overlap."""
        found: dict[tuple[str, int], Match] = {}
        for document in documents(prompt):
            for match in self._in_document(document):
                first = found.setdefault((match.category, match.start), match)
                if _prior(match) > _prior(first):
                    found[match.category, match.start] = match
        return iter(sorted(found.values(), key=lambda match: (match.start, -match.end)))

    def _in_document(self, document: Document) -> Iterator[Match]:
        lines: list[Line] = []
        runs: list[Spelled] = []
        for reading in readings(document.text):
            lines += reading.lines()
            runs += reading.spelled()
        yield from self._in_lines(document, lines)
        for run in runs:
            yield from self._in_run(document, run)
        yield from self._in_masks(document)

    def _in_lines(self, document: Document, lines: Sequence[Line]) -> Iterator[Match]:
        ends = list(accumulate(len(line.text) + 1 for line in lines))
        page = "\n".join(line.text for line in lines)
        hits: defaultdict[int, list[_Hit]] = defaultdict(list)
        for patterns, whole in ((self._words, True), (self._within, False)):
            for found in patterns.find(page):
                index = bisect_right(ends, found.start)
                hits[index] += _hits(found, lines[index], page, ends[index] - len(lines[index].text) - 1, whole)
        for index, several in hits.items():
            yield from self._counted(document, lines[index], several)

    def _counted(self, document: Document, line: Line, hits: Sequence[_Hit]) -> Iterator[Match]:
        exceptions = [hit for hit in hits if hit.listed.exception]
        for hit in hits:
            excepted = any(other.covers(hit) for other in exceptions)
            if (
                not hit.listed.exception
                and not excepted
                and _counts(hit, line, document)
                and not self._is_carried(hit, document)
            ):
                yield _match(document, hit.listed, hit.words, line.how if line.form & ~_PLAIN or not line.open else "")

    def _is_carried(self, hit: _Hit, document: Document) -> bool:
        if not self._carriers:
            return False
        written = document.text[hit.words[0].start : hit.words[-1].end]
        return (hit.listed.category, "".join(word.text for word in plain_words(written))) in self._carriers

    def _in_run(self, document: Document, run: Spelled) -> Iterator[Match]:
        """Terms spelled out, letter by letter, at the borders of the run's words."""
        starts = {place: i for i, place in enumerate(accumulate((len(word.text) for word in run.words), initial=0))}
        for found in self._letters.find("".join(word.text for word in run.words)):
            first, after = starts.get(found.start), starts.get(found.end)
            if first is None or after is None or not _is_spelled(found, run.words, first, after):
                continue
            written = document.text[run.words[first].start : run.words[after - 1].end]
            for listed in found.listed:
                if listed.form & run.form and (run.form != Form.LOOK or _has_letters(written, listed.letters)):
                    yield _match(document, listed, run.words[first:after], run.how)

    def _in_masks(self, document: Document) -> Iterator[Match]:
        """Terms of which some letters are hidden: `sw*rd`."""
        for masked in _MASKED.finditer(document.text):
            text = masked[0].casefold()
            for form in self._masked.get((len(text), text[0]), ()):
                if _agree(text, form.words[0]):
                    yield _match(document, _as_listed(form), [Word(text, *masked.span())], "with letters hidden")


def _prior(match: Match) -> tuple[bool, int]:
    """What stands as it is listed comes before what is disguised, the longer before the shorter."""
    return not match.how, match.end


def digest_of(lists: Iterable[TermList]) -> str:
    """Hex SHA-256 of all that a match depends on."""
    lists = list(lists)
    forms = {(form.category, *form.words, str(form.exception), str(form.within)) for each in lists for form in each.forms()}
    return hashlib.sha256(json.dumps([VERSION, sorted(forms), sorted(_carriers(lists))]).encode()).hexdigest()


def _carriers(lists: Iterable[TermList]) -> set[tuple[str, str]]:
    return {(listed.category, word) for listed in lists for word in listed.carrying()}


class _Hit(NamedTuple):
    listed: Listed
    first: int
    words: Sequence[Word]

    def covers(self, other: _Hit) -> bool:
        after, other_after = self.first + len(self.words), other.first + len(other.words)
        return self.listed.category == other.listed.category and self.first <= other.first and other_after <= after


_PLAIN = Form.PLAIN | Form.BACKWARDS


def _hits(found: Found, line: Line, page: str, line_start: int, whole: bool) -> Iterator[_Hit]:
    """What was found on a line, by the words that it covers."""
    first = page.count(" ", line_start, found.start + (1 if whole else 0)) - 1
    count = found.pattern.count(" ") - 1 if whole else 1
    for listed in found.listed:
        if listed.form & line.form and listed.letters >= line.least:
            yield _Hit(listed, first, line.words(slice(first, first + count)))


def _counts(hit: _Hit, line: Line, document: Document) -> bool:
    """Whether a term found by a reading is one: something is in disguise, and enough of it is letters."""
    if line.open:
        return True
    if not any(word.disguised for word in hit.words):
        return False
    if line.form & (Form.STRETCHED | Form.STRETCHED_LOOK):
        return _is_stretched(hit)
    return not line.form & Form.LOOK or _has_letters(document.text[hit.words[0].start : hit.words[-1].end], hit.listed.letters)


def _is_stretched(hit: _Hit) -> bool:
    """A letter three times, or two letters more than the term has; so assess is no plural of ass."""
    thrice = any(re.search(r"(\w)\1\1", word.text) for word in hit.words)
    return thrice or sum(word.letters for word in hit.words) - hit.listed.letters >= 2


def _has_letters(written: str, letters: int) -> bool:
    """Whether enough of what is written are letters, for a term of so many: a55 is a road, 455 a number."""
    real = sum(character.isalpha() or (not character.isascii() and LOOK[character].isalpha()) for character in written)
    return real >= (letters / 3 if letters > 4 else letters / 2)


def _is_spelled(found: Found, run: Sequence[Word], first: int, after: int) -> bool:
    """Whether the words from `first` to `after` spell a term, rather than happen to hold its letters."""
    size, count = found.end - found.start, after - first
    if count < 3 or count < 0.7 * size:
        return False
    if size >= LEAST_SPELLED:
        return True
    beside = [word.text for word in (*run[max(first - 1, 0) : first], *run[after : after + 1])]
    return count == size and all(len(text) > 1 or text in ONE_LETTER_WORDS for text in beside)


def _agree(masked: str, word: str) -> bool:
    known = sum(letter.isalpha() for letter in masked)
    return 2 * known >= len(word) and all(
        letter in MASKS or letter == other for letter, other in zip(masked, word, strict=True)
    )


def _by_length(forms: Iterable[TermForm]) -> dict[tuple[int, str], list[TermForm]]:
    """The terms of one word of four letters or more, by length and first letter."""
    by: defaultdict[tuple[int, str], list[TermForm]] = defaultdict(list)
    for form in forms:
        if not form.exception and len(form.words) == 1 and form.letters >= LEAST_SPELLED:
            by[form.letters, form.words[0][0]].append(form)
    return dict(by)


def _as_listed(form: TermForm) -> Listed:
    return Listed(form.category, form.term, Form.PLAIN, form.letters)


def _match(document: Document, listed: Listed, words: Sequence[Word], how: str) -> Match:
    start, end = document.span(words[0].start, words[-1].end)
    return Match(listed.category, listed.term, start, end, how or document.how)
