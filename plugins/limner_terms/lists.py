"""Term lists: the words of one category, as data.

    category: weapon
    endings: ["", s, es]                        # tried after the last word of every term; without it, terms stand as written
    terms:
      - machine gun
      - {term: hunting knife, forms: [hunting knives]}      # forms that no ending makes
      - {term: sword, within: true}                         # counts inside longer words too: broadswordsman
    carriers: [swordfish, password]             # words in which no term counts, however they are read
    exceptions: [glue gun, water gun]           # phrases in which no term counts; endings are tried after them too

Lists of one category add up. A list with a mistake is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

import limner
from limner_terms.readings import plain_words

MOST_TERMS = 20_000
MOST_WORDS = 8  # in one term

LEAST_WITHIN = 4  # letters of a term that counts inside longer words


class TermForm(NamedTuple):
    """One inflection of a term, by its words as they are compared, or of a phrase in which no term of the category counts."""

    category: str
    term: str
    words: tuple[str, ...]
    exception: bool = False
    within: bool = False

    @property
    def letters(self) -> int:
        """How many letters it has."""
        return sum(map(len, self.words))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a term as they are compared. Raises ValueError where it has none, or too many."""
    words = tuple(word.text for word in plain_words(text))
    if not 1 <= len(words) <= MOST_WORDS:
        raise ValueError(f"{text!r} has {len(words)} words; a term has 1 to {MOST_WORDS}")
    return words


def _has_words(text: str) -> str:
    words_of(text)
    return text


Text = Annotated[str, StringConstraints(max_length=200), AfterValidator(_has_words)]
Ending = Annotated[str, StringConstraints(max_length=20, pattern=r"^\w*$")]


class Term(BaseModel):
    """A term, the inflections of it that no ending makes, and whether it counts `within` longer words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: Text
    forms: tuple[Text, ...] = ()
    within: bool = False

    @model_validator(mode="after")
    def _can_stand_within(self) -> Term:
        if self.within and (len(words_of(self.term)) > 1 or len(words_of(self.term)[0]) < LEAST_WITHIN):
            raise ValueError(f"{self.term!r} cannot count within words: that takes one word of {LEAST_WITHIN} letters or more")
        return self


class TermList(BaseModel):
    """The terms of one category, the words that carry one harmlessly, and the phrases in which none counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    endings: tuple[Ending, ...] = ("",)
    terms: Annotated[tuple[Text | Term, ...], Field(min_length=1, max_length=MOST_TERMS)]
    carriers: Annotated[tuple[Text, ...], Field(max_length=MOST_TERMS)] = ()
    exceptions: Annotated[tuple[Text, ...], Field(max_length=MOST_TERMS)] = ()

    def forms(self) -> Iterator[TermForm]:
        """Every form of every term, with the term as it was written, and of every exception."""
        for entry in self.terms:
            term = Term(term=entry) if isinstance(entry, str) else entry
            for words in (*self._inflected(term.term), *(words_of(form) for form in term.forms)):
                yield TermForm(self.category, term.term, words, within=term.within)
        for phrase in self.exceptions:
            yield from (TermForm(self.category, phrase, words, exception=True) for words in self._inflected(phrase))

    def carrying(self) -> Iterator[str]:
        """The carriers, as they are compared."""
        yield from ("".join(words_of(carrier)) for carrier in self.carriers)

    def _inflected(self, text: str) -> Iterator[tuple[str, ...]]:
        *stem, last = words_of(text)
        yield from ((*stem, *words_of(last + ending)) for ending in self.endings)


@lru_cache(maxsize=1)
def built_in_lists() -> tuple[TermList, ...]:
    """The lists that come with the plugin."""
    folder = Path(__file__).parent
    return tuple(limner.Asset(f"lists/{path.name}", folder).read_yaml(TermList) for path in sorted(folder.glob("lists/*.yaml")))
