"""What pydantic complains of is told at its place in the file, with the word probably meant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limner import Asset, Options, Secret
from limner.errors import InvalidFile, Problem
from limner.yaml_problems import Problems, did_you_mean, pydantic_problems
from limner.yaml_source import parse_yaml


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Rule(Strict):
    signal: str
    at_least: float | None = Field(default=None, le=1)
    then: Literal["block", "review"] = "block"


class Group(Strict):
    every: Annotated[list[Rule], Field(alias="all", min_length=1)]


class Policy(Strict):
    rules: list[Rule | Group] = []
    named: dict[str, Rule] = {}
    first: Rule | None = None


def complaints(text: str, model: type[BaseModel] = Policy, context: dict[str, Any] | None = None) -> list[Problem]:
    document = parse_yaml(text.encode(), "f.yaml")
    with pytest.raises(ValidationError) as refused:
        model.model_validate(document.value["here"], context=context)
    return pydantic_problems(refused.value, document, ("here",), model)


def test_an_unknown_key_stands_at_the_key_and_suggests_the_one_meant():
    [problem] = complaints("here:\n  first:\n    signal: a\n    at_leats: 1\n")
    assert (problem.line, problem.column, problem.key) == (4, 5, "here.first.at_leats")
    assert (problem.what, problem.fix) == ("is not a key that is known here", "did you mean 'at_least'?")


def test_suggestions_reach_through_mappings_and_aliases_of_fields():
    [problem] = complaints("here:\n  named:\n    x: {signal: a, thenn: block}\n")
    assert (problem.key, problem.fix) == ("here.named.x.thenn", "did you mean 'then'?")
    [problem] = complaints("here: {alll: []}\n", Group)[1:]
    assert problem.fix == "did you mean 'all'?"


def test_a_missing_key_stands_at_its_mapping():
    [problem] = complaints("here:\n  first:\n    then: block\n")
    assert (problem.line, problem.column, problem.key) == (2, 3, "here.first.signal")
    assert (problem.what, problem.fix) == ("is missing", "add `signal:`")


def test_a_wrong_value_stands_at_the_value_and_is_shown():
    [number, word] = complaints("here:\n  first: {signal: a, at_least: 2, then: blok}\n")
    assert (number.line, number.column, number.what) == (2, 32, "should be less than or equal to 1, not 2")
    assert (word.column, word.what) == (41, "should be 'block' or 'review', not 'blok'")


def test_kinds_of_values_are_named_as_yaml_has_them():
    found = complaints("here: {rules: 5, named: [], first: x}\n")
    assert [problem.what for problem in found] == [
        "should be a list, not 5",
        "should be a mapping",
        "should be a mapping",
    ]


def test_the_branches_of_a_union_make_one_problem_for_a_value():
    [problem, *_] = complaints("here:\n  rules:\n    - 7\n")
    assert (problem.line, problem.key, problem.what) == (3, "here.rules[0]", "should be a mapping")


class Call(Options):
    key: Secret | None = None
    words: Asset | None = None


def test_a_secret_written_out_is_not_repeated():
    for secret in ("sk-12345", "12345"):
        [problem] = complaints(f"here: {{key: {secret}}}\n", Call)
        assert problem.what == "should be a mapping"


def test_an_asset_outside_the_project_says_so(tmp_path):
    [problem] = complaints("here: {words: ../../etc/passwd}\n", Call, {"root": tmp_path})
    assert problem.what == "asset '../../etc/passwd' lies outside the project folder"


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("temrs", ["terms", "clip"], "did you mean 'terms'?"),
        ("Decoder", ["decoder"], "did you mean 'decoder'?"),
        ("xyz", ["b", "a"], "known: a, b"),
        ("xyz", [], ""),
    ],
)
def test_did_you_mean(word, known, said):
    assert did_you_mean(word, known) == said


def test_problems_of_several_parts_are_raised_together():
    problems = Problems()
    for line in (2, 1):
        with problems.collecting():
            raise InvalidFile([Problem("f.yaml", line, 1, "k", f"line {line}")])
    with pytest.raises(InvalidFile, match=r"(?s)line 1.*line 2"):
        problems.raise_found()


def test_nothing_found_raises_nothing():
    problems = Problems()
    with problems.collecting():
        pass
    problems.raise_found()
