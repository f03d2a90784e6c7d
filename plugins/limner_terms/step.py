"""The step `terms`: which categories of listed terms a prompt holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

import limner
from limner_terms.lists import TermList, built_in_lists
from limner_terms.matching import Matcher

if TYPE_CHECKING:
    import torch

LONGEST_PROMPT = 8_000  # code points; a longer one is not measured, so the gate fails closed
MOST_EVIDENCE = 32  # places told for each category


def _read(asset: limner.Asset) -> TermList:
    """The term list in a file. Raises ValueError, which options report at the place where the file is named."""
    try:
        return asset.read_yaml(TermList)
    except limner.ConfigurationError as error:
        raise ValueError(str(error)) from None


def _holds_terms(asset: limner.Asset) -> limner.Asset:
    _read(asset)
    return asset


class TermsOptions(limner.Options):
    """`lists` are added to the built-in ones; `categories` are those measured, all of them if left out."""

    lists: tuple[Annotated[limner.Asset, AfterValidator(_holds_terms)], ...] = ()
    categories: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _names_known_categories(self) -> TermsOptions:
        known = {listed.category for listed in self._all_lists}
        if unknown := sorted(set(self.categories or ()) - known):
            raise ValueError(f"no list has the category {unknown[0]!r}; there are {', '.join(sorted(known))}")
        return self

    @cached_property
    def _all_lists(self) -> tuple[TermList, ...]:
        return (*built_in_lists(), *(_read(asset) for asset in self.lists))

    def term_lists(self) -> tuple[TermList, ...]:
        """The lists in use, by category."""
        chosen = (each for each in self._all_lists if self.categories is None or each.category in self.categories)
        return tuple(sorted(chosen, key=lambda listed: listed.category))


class Terms(limner.Step):
    """Measures `terms.<category>` for each category: 1 where the prompt holds one of its terms, else 0, with the places."""

    type = "terms"
    Options = TermsOptions
    max_batch = 32

    @classmethod
    def emits(cls, options: TermsOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each category."""
        return {f"terms.{listed.category}": limner.Range(0.0, 1.0) for listed in options.term_lists()}

    @classmethod
    def digest(cls, options: TermsOptions, models: limner.ModelIndex) -> str:
        """The hash of the lists in use."""
        return Matcher(options.term_lists()).digest

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Read the lists and lay out their terms."""
        lists = self.options.term_lists()
        self._categories = tuple(dict.fromkeys(listed.category for listed in lists))
        self._matcher = Matcher(lists)

    @limner.hookimpl
    def filter_prompt(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """Look each prompt over for listed terms."""
        return [self._measure(generation.prompt) for generation in generations]

    def _measure(self, prompt: str) -> list[limner.Signal] | limner.ItemError:
        if len(prompt) > LONGEST_PROMPT:
            what = f"the prompt has {len(prompt)} characters, and no more than {LONGEST_PROMPT} are looked over"
            return limner.ItemError(what, fix="shorten the prompt")
        evidence: defaultdict[str, list[limner.Evidence]] = defaultdict(list)
        for match in self._matcher.matches(prompt):
            if len(evidence[match.category]) < MOST_EVIDENCE:
                evidence[match.category].append(limner.Evidence(match.start, match.end, match.term))
        return [self._signal(category, evidence[category]) for category in self._categories]

    def _signal(self, category: str, evidence: Sequence[limner.Evidence]) -> limner.Signal:
        return limner.Signal(f"terms.{category}", 1.0 if evidence else 0.0, tuple(evidence))
