"""Terms of the deny list, found as the terms of lists are: whichever way the prompt is read, disguises included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from limner_terms.lists import TermList, words_of
from limner_terms.matching import Matcher

LISTS_KEPT = 4  # the deny list changes seldom, and is asked at every prompt


def find(text: str, terms: Sequence[str]) -> list[int]:
    """The indexes of the terms that are in the text. A term without a letter or digit is in no text."""
    return sorted({int(match.category.removeprefix("denied-")) for match in _matcher(tuple(terms)).matches(text)})


@lru_cache(maxsize=LISTS_KEPT)
def _matcher(terms: tuple[str, ...]) -> Matcher:
    return Matcher(_lists(terms))


def _lists(terms: tuple[str, ...]) -> Iterator[TermList]:
    """A list for each term, whose category is its index."""
    for index, term in enumerate(terms):
        if _is_listable(term):
            yield TermList.model_validate({"category": f"denied-{index}", "terms": [term]})


def _is_listable(term: str) -> bool:
    try:
        return bool(words_of(term))
    except ValueError:
        return False
