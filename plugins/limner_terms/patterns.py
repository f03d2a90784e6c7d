"""The forms of listed terms that readings are searched for, and the automata that find them (Aho and Corasick, 1975).

A pattern for whole words has a space at either end, as the words of a line have; a bare one is found inside a run of letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from limner_terms.lists import TermForm
from limner_terms.lookalikes import LOOK
from limner_terms.readings import Form, without_repetitions

LEAST_BACKWARDS = 5  # letters of a term that is found in plain text read backwards: nug is no gun
LEAST_STRETCHED = 3  # letters of a term without its repetitions
LEAST_JOINED = 8  # letters of a term whose words may stand together: machinegun


class Listed(NamedTuple):
    """What a pattern stands for: a term of a category in one form, or a phrase in which the category's terms do not count."""

    category: str
    term: str
    form: Form
    letters: int
    exception: bool = False


class Found(NamedTuple):
    """A pattern found at [start, end) of a text."""

    pattern: str
    listed: Sequence[Listed]
    start: int
    end: int


class Patterns:
    """An automaton over patterns, each with all that it stands for."""

    def __init__(self, listed: Mapping[str, Sequence[Listed]]) -> None:
        self._patterns = list(listed)
        self._listed = [listed[pattern] for pattern in self._patterns]
        # The contiguous automaton is a tenth of the size of the DFA and nearly as quick.
        self._automaton = AhoCorasick(self._patterns, implementation=Implementation.ContiguousNFA) if listed else None

    def find(self, text: str) -> Iterator[Found]:
        """Every place of every pattern, overlapping ones too. The text holds no surrogates."""
        if self._automaton is None:
            return
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            yield Found(self._patterns[index], self._listed[index], start, end)


def whole_words(forms: Iterable[TermForm]) -> Patterns:
    """The patterns of terms and exceptions as whole words."""
    listed: defaultdict[str, list[Listed]] = defaultdict(list)
    for form in forms:
        for kind, words in _spellings(form):
            listed[f" {' '.join(words)} "].append(_listed(form, kind))
    return Patterns(listed)


def letters(forms: Iterable[TermForm]) -> Patterns:
    """The patterns of terms, without their spaces, to be found in what is spelled out or inside longer words."""
    listed: defaultdict[str, list[Listed]] = defaultdict(list)
    for form in forms:
        if not form.exception:
            listed["".join(form.words)].append(_listed(form, Form.PLAIN))
            listed["".join(_looks(form.words))].append(_listed(form, Form.LOOK))
    return Patterns(listed)


def _spellings(form: TermForm) -> Iterator[tuple[Form, Sequence[str]]]:
    words, looks = form.words, _looks(form.words)
    size = form.letters
    yield Form.PLAIN, words
    yield Form.LOOK, looks
    for kind, spelt in ((Form.STRETCHED, words), (Form.STRETCHED_LOOK, looks)):
        short = [without_repetitions(word) for word in spelt]
        if sum(map(len, short)) >= LEAST_STRETCHED:
            yield kind, short
    if len(words) > 1 and (size >= LEAST_JOINED or any(word.isdigit() for word in words)):
        yield Form.PLAIN, ["".join(words)]
        yield Form.LOOK, ["".join(looks)]
    if len(words) > 1:
        yield Form.ANY_BACKWARDS | (Form.BACKWARDS if size >= LEAST_BACKWARDS else Form(0)), [word[::-1] for word in words]
    if size >= 3:
        kind = Form.ANY_BACKWARDS | (Form.BACKWARDS if size >= LEAST_BACKWARDS else Form(0))
        yield kind, [word[::-1] for word in reversed(words)]


def _looks(words: Sequence[str]) -> list[str]:
    return ["".join(LOOK[character] for character in word) for word in words]


def _listed(form: TermForm, kind: Form) -> Listed:
    return Listed(form.category, form.term, kind, form.letters, form.exception)
