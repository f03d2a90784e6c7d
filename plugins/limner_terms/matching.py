"""Finding listed terms among the words of a prompt.

A term matches whole words only, all its words side by side in their order, whatever stands between them (`machine-gun` is
`machine gun`; the s of `Scunthorpe's` is a word of its own). At each word the longest term of a category counts.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from limner_terms.lists import Form, TermList
from limner_terms.words import Word, words

VERSION = 1  # of what counts as a match; part of the digest


class Match(NamedTuple):
    """A term found at [start, end), in code points of the prompt."""

    category: str
    term: str
    start: int
    end: int


class Matcher:
    """Finds the terms of several lists. Time grows with the prompt alone, not with the lists."""

    def __init__(self, lists: Iterable[TermList]) -> None:
        terms: defaultdict[Form, dict[str, str]] = defaultdict(dict)
        for listed in lists:
            for form, term in listed.forms():
                terms[form].setdefault(listed.category, term)
        self._terms: Mapping[Form, Mapping[str, str]] = dict(terms)  # form -> category -> term as written
        self._lengths = _lengths(terms)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all that a match depends on."""
        forms = sorted((category, *form) for form, categories in self._terms.items() for category in categories)
        return hashlib.sha256(json.dumps([VERSION, forms]).encode()).hexdigest()

    def matches(self, prompt: str) -> Iterator[Match]:
        """Every match in the prompt, by place; matches of one category may overlap."""
        found = words(prompt)
        texts = [word.text for word in found]
        for index, text in enumerate(texts):
            yield from self._at(index, self._lengths.get(text, ()), found, texts)

    def _at(self, index: int, lengths: Iterable[int], found: Sequence[Word], texts: Sequence[str]) -> Iterator[Match]:
        seen: set[str] = set()
        for length in lengths:
            for category, term in self._terms.get(tuple(texts[index : index + length]), {}).items():
                if category not in seen:
                    seen.add(category)
                    yield Match(category, term, found[index].start, found[index + length - 1].end)


def _lengths(forms: Iterable[Form]) -> dict[str, tuple[int, ...]]:
    """How long the terms are that begin with a word, longest first."""
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for form in forms:
        lengths[form[0]].add(len(form))
    return {word: tuple(sorted(several, reverse=True)) for word, several in lengths.items()}
