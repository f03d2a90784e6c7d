"""The step `terms`: which categories of listed terms a prompt holds, and what is odd about how it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

import limner
from limner_terms.documents import documents
from limner_terms.features import MOST_COUNTED, Features, measure, scripts_of
from limner_terms.lists import TermList, built_in_lists
from limner_terms.matching import Matcher, digest_of

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
    """Measures `terms.<category>` for each category: 1 where the prompt holds one of its terms, however disguised, else 0.

    Evidence tells the places, and how each was read. Beside it `terms.text.mixed_scripts` counts words of letters of several
    scripts, `terms.text.invisibles` characters that cannot be seen and have no business there, `terms.text.encoded` letters and
    runs in a code, and `terms.text.unsupported_script` is the share of letters in scripts that no list holds a term in.
    """

    type = "terms"
    Options = TermsOptions
    max_batch = 32

    @classmethod
    def emits(cls, options: TermsOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each category, and one for each oddity."""
        counted = ("mixed_scripts", "invisibles", "encoded")
        return {
            **{f"terms.{listed.category}": limner.Range(0.0, 1.0) for listed in options.term_lists()},
            **{f"terms.text.{name}": limner.Range(0.0, float(MOST_COUNTED)) for name in counted},
            "terms.text.unsupported_script": limner.Range(0.0, 1.0),
        }

    @classmethod
    def digest(cls, options: TermsOptions, models: limner.ModelIndex) -> str:
        """The hash of the lists in use."""
        return _digest(options.term_lists())

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Read the lists and build the automata that find their terms."""
        lists = self.options.term_lists()
        self._categories = tuple(dict.fromkeys(listed.category for listed in lists))
        self._matcher = Matcher(lists)
        self._scripts = scripts_of("".join(form.term for listed in lists for form in listed.forms()))

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
                matched = f"{match.term} ({match.how})" if match.how else match.term
                evidence[match.category].append(limner.Evidence(match.start, match.end, matched))
        found = [self._signal(category, evidence[category]) for category in self._categories]
        return [*found, *_oddities(measure(prompt, list(documents(prompt))[1:], self._scripts))]

    def _signal(self, category: str, evidence: Sequence[limner.Evidence]) -> limner.Signal:
        return limner.Signal(f"terms.{category}", 1.0 if evidence else 0.0, tuple(evidence))


def _oddities(features: Features) -> Iterator[limner.Signal]:
    for name, value in features.values().items():
        yield limner.Signal(f"terms.text.{name}", value)


@lru_cache(maxsize=16)
def _digest(lists: tuple[TermList, ...]) -> str:
    return digest_of(lists)
