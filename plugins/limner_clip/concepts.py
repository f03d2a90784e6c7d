"""Concepts: what a gate looks for, as data.

    concepts:
      sword:
        words:                                          # {name} in a phrasing stands for each of its words in turn
          medium: [a photo of, a drawing of]
          other: [a walking stick, a flower, an empty room]
        positive:                                       # what it looks like where it is
          - "{medium} a sword"
          - [someone holding a sword, a person with a sword]      # wordings of one phrasing: their embeddings are averaged
        contrast:                                       # what it looks like where it is not
          - "{medium} {other}"
          - an image of the written word sword
      person:
        positive: [a person, a face]
        contrast: [an empty room, a doll]

    joint:
      armed-portrait: [person, sword]                   # each harmless alone, not together: upload and prompt share the parts

The score is the probability that CLIP gives to the positive phrasings together (see `limner_clip.zero_shot`), so contrast is
what makes it mean something: write what is likely to be there instead, and what CLIP takes for the concept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

import limner

MOST_TEXTS = 20_000  # of one concept, its words put in
_PLACE = re.compile(r"\{([^{}]*)\}")

Phrasing = tuple[str, ...]  # its wordings
Words = Mapping[str, Sequence[str]]
Many = TypeVar("Many", bound=Sequence[object])


def _not_empty(values: Many) -> Many:
    if not values:
        raise ValueError("should hold at least 1")
    return values


def _as_wordings(written: object) -> object:
    return (written,) if isinstance(written, str) else written


def _has_known_places(wording: str, info: ValidationInfo) -> str:
    if set(_PLACE.sub("", wording)) & set("{}"):
        raise ValueError(f"{wording!r} has a brace without its other half")
    words = info.data.get("words")  # None where these are wrong themselves
    if words is not None and (unknown := set(_PLACE.findall(wording)) - words.keys()):
        raise ValueError(f"{{{min(unknown)}}} stands for nothing; `words` has {', '.join(words) or 'nothing'}")
    return wording


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Wording = Annotated[Text, AfterValidator(_has_known_places)]
Wordings = Annotated[tuple[Wording, ...], BeforeValidator(_as_wordings), AfterValidator(_not_empty)]
Phrasings = Annotated[tuple[Wordings, ...], AfterValidator(_not_empty)]


class Concept(BaseModel):
    """The phrasings of one concept and of what it is told apart from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: Mapping[Name, Annotated[tuple[Text, ...], AfterValidator(_not_empty)]] = Field(default_factory=dict)
    positive: Phrasings
    contrast: Phrasings

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Concept:
        written = [*self.positive, *self.contrast]
        if unused := self.words.keys() - {name for phrasing in written for name in _names(phrasing)}:
            raise ValueError(f"no phrasing uses the words {{{min(unused)}}}")
        if (count := sum(_count(phrasing, self.words) for phrasing in written)) > MOST_TEXTS:
            raise ValueError(f"its phrasings make {count} texts; a concept has {MOST_TEXTS} at most")
        if both := set(self.positives()) & set(self.contrasts()):
            raise ValueError(f"{min(both)[0]!r} is among both the positive and the contrast phrasings")
        return self

    def positives(self) -> list[Phrasing]:
        """The positive phrasings, each once, their words put in."""
        return list(dict.fromkeys(each for phrasing in self.positive for each in _expanded(phrasing, self.words)))

    def contrasts(self) -> list[Phrasing]:
        """The contrast phrasings, each once, their words put in."""
        return list(dict.fromkeys(each for phrasing in self.contrast for each in _expanded(phrasing, self.words)))


class ConceptFile(BaseModel):
    """The concepts of one file, by name, and those that are others of them together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concepts: Annotated[Mapping[Name, Concept], Field(min_length=1)]
    joint: Mapping[Name, Annotated[tuple[Name, ...], Field(min_length=2, max_length=8)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _joins_known_concepts(self) -> ConceptFile:
        for name, parts in self.joint.items():
            if name in self.concepts:
                raise ValueError(f"{name!r} is both a concept and a joint one")
            if unknown := [part for part in parts if part not in self.concepts]:
                raise ValueError(f"joint {name!r}: there is no concept {unknown[0]!r}; there are {', '.join(self.concepts)}")
        return self


@lru_cache(maxsize=1)
def built_in_concepts() -> ConceptFile:
    """The concepts that come with the plugin."""
    return limner.Asset("concepts.yaml", Path(__file__).parent).read_yaml(ConceptFile)


def _names(phrasing: Phrasing) -> list[str]:
    return list(dict.fromkeys(name for wording in phrasing for name in _PLACE.findall(wording)))


def _count(phrasing: Phrasing, words: Words) -> int:
    return len(phrasing) * math.prod(len(words[name]) for name in _names(phrasing))


def _expanded(phrasing: Phrasing, words: Words) -> Iterator[Phrasing]:
    """The phrasing with every choice of words; all its wordings have the same choice."""
    names = _names(phrasing)
    for chosen in product(*(words[name] for name in names)):
        choice = dict(zip(names, chosen, strict=True))
        yield tuple(_filled(wording, choice) for wording in phrasing)


def _filled(wording: str, choice: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: choice[place[1]], wording)
