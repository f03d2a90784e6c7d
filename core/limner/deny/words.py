"""Finding denied terms in a text: by every plugin that knows how, and plainly in any case.

The plain way compares whole words, in the compatibility form of Unicode and without case, so a denied term is found as written
even where no plugin looks. What sees through disguises is a word filter's work: the hook `find_terms` asks each plugin that has
one, so denied terms go through the very normalising that its own lists do, and core needs to know no plugin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from limner.deny.live import FindTerms

LONGEST_RUN = 32  # marks in a row that are looked at; sorting more of them takes quadratic time
_MARKS = re.compile(rf"([\u0300-\u036f]{{{LONGEST_RUN}}})[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")


def plainly(text: str, terms: Sequence[str]) -> Iterator[int]:
    """The indexes of the terms whose words stand side by side in the text."""
    words = _words(text)
    for index, term in enumerate(terms):
        wanted = _words(term)
        if wanted and any(words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1)):
            yield index


def everywhere(ask_plugins: FindTerms) -> FindTerms:
    """Both ways together: a term counts that either finds."""

    def find(text: str, terms: Sequence[str]) -> set[int]:
        return {*plainly(text, terms), *ask_plugins(text, terms)}

    return find


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", _MARKS.sub(r"\1", text)).casefold()
    return _WORD.findall(unicodedata.normalize("NFKC", folded))
