"""Term lists: the words of one category, as data.

    category: weapon
    endings: ["", s, es]                        # tried after the last word of every term; without it, terms stand as written
    terms:
      - machine gun
      - {term: hunting knife, forms: [hunting knives]}      # forms that no ending makes

Lists of one category add up. A list with a mistake is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

import limner
from limner_terms.words import words

MOST_TERMS = 20_000
MOST_WORDS = 8  # in one term

Form = tuple[str, ...]  # the comparable words of a term, in one inflection


def form_of(text: str) -> Form:
    """The comparable words of a term. Raises ValueError where it has none, or too many."""
    form = tuple(word.text for word in words(text))
    if not 1 <= len(form) <= MOST_WORDS:
        raise ValueError(f"{text!r} has {len(form)} words; a term has 1 to {MOST_WORDS}")
    return form


def _has_words(text: str) -> str:
    form_of(text)
    return text


Text = Annotated[str, StringConstraints(max_length=200), AfterValidator(_has_words)]
Ending = Annotated[str, StringConstraints(max_length=20, pattern=r"^\w*$")]


class Term(BaseModel):
    """A term and the inflections of it that no ending makes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: Text
    forms: tuple[Text, ...] = ()


class TermList(BaseModel):
    """The terms of one category."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    endings: tuple[Ending, ...] = ("",)
    terms: Annotated[tuple[Text | Term, ...], Field(min_length=1, max_length=MOST_TERMS)]

    def forms(self) -> Iterator[tuple[Form, str]]:
        """Every form of every term, with the term as it was written."""
        for entry in self.terms:
            term, irregular = (entry, ()) if isinstance(entry, str) else (entry.term, entry.forms)
            *stem, last = form_of(term)
            yield from (((*stem, *form_of(last + ending)), term) for ending in self.endings)
            yield from ((form_of(text), term) for text in irregular)


@lru_cache(maxsize=1)
def built_in_lists() -> tuple[TermList, ...]:
    """The lists that come with the plugin."""
    folder = Path(__file__).parent
    return tuple(limner.Asset(f"lists/{path.name}", folder).read_yaml(TermList) for path in sorted(folder.glob("lists/*.yaml")))
