"""The bars that the word filter is held to, on cases that nothing in it was chosen by (`tests/disguise_cases_held_out.py`)."""

from __future__ import annotations

from collections import defaultdict

import pytest
from disguise_cases import DEVELOPMENT, CaseSet
from disguise_cases_held_out import HELD_OUT

from limner_terms.lists import TermList
from limner_terms.matching import Matcher


def matcher(cases: CaseSet) -> Matcher:
    return Matcher([TermList(category="stand-in", endings=("", "s"), terms=tuple(cases.terms()))])


def stops(filter_: Matcher, prompt: str) -> bool:
    return next(filter_.matches(prompt), None) is not None


@pytest.mark.parametrize("cases", [HELD_OUT, DEVELOPMENT], ids=lambda cases: cases.name)
def test_disguised_words_are_found(cases: CaseSet) -> None:
    filter_ = matcher(cases)
    stopped: defaultdict[str, list[bool]] = defaultdict(list)
    for family, _, prompt in cases.disguised():
        stopped[family].append(stops(filter_, prompt))
    shares = {family: sum(each) / len(each) for family, each in stopped.items()}
    assert shares.keys() == cases.families.keys()
    assert sum(map(sum, stopped.values())) / sum(map(len, stopped.values())) >= 0.95
    assert min(shares.values()) >= 0.8, shares


@pytest.mark.parametrize("cases", [HELD_OUT, DEVELOPMENT], ids=lambda cases: cases.name)
def test_innocent_prompts_pass(cases: CaseSet) -> None:
    filter_ = matcher(cases)
    prompts = [prompt for _, prompt in cases.innocent()]
    wrong = [prompt for prompt in prompts if stops(filter_, prompt)]
    assert len(wrong) / len(prompts) <= 0.01, wrong
