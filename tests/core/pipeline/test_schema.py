"""The JSON Schema says what YAML may hold, with the options of the steps that are installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import limner
from limner.pipeline import pipelines_schema
from limner.yaml_source import load_yaml, parse_yaml

SHIPPED = Path(__file__).parents[3] / "pipelines.yaml"

WHOLE = """
limner: 1
models: {karlo: {source: kakaobrain/karlo, revision: 0123456789abcdef0123456789abcdef01234567}}
pipelines:
  p:
    task: generate
    policy: standard
    parameters: {x: {sets: decoder.guidance, min: 1, max: 12}}
    steps:
      - use: words
      - {use: style.rewrite, with: {template: style.txt, key: {env: KEY}}}
      - {use: toy.prior, with: {model: alpha}, deadline: 20s}
      - {use: toy.decoder, as: decoder, with: {model: alpha, sampler: {name: ddim}}}
"""


@pytest.fixture
def validator(catalogue):
    schema = pipelines_schema(catalogue)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def mistakes(validator, text: str) -> list[str]:
    return [error.json_path for error in validator.iter_errors(parse_yaml(text.encode(), "f").value)]


def test_a_whole_file_is_valid(validator):
    assert mistakes(validator, WHOLE) == []


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("limner: 1", "limner: 2", "$.limner"),
        ("policy: standard", "polcy: standard", "$.pipelines.p"),
        ("use: words", "use: wrods", "$.pipelines.p.steps[0].use"),
        ("model: alpha}, deadline", "modle: alpha}, deadline", "$.pipelines.p.steps[2].with"),
        ("name: ddim", "name: euler", "$.pipelines.p.steps[3].with.sampler.name"),
        (", with: {model: alpha, sampler: {name: ddim}}", "", "$.pipelines.p.steps[3]"),
        ("{env: KEY}", "sk-12345", "$.pipelines.p.steps[1].with.key"),
        ("20s", "20", "$.pipelines.p.steps[2].deadline"),
        ("min: 1", "min: low", "$.pipelines.p.parameters.x.min"),
    ],
)
def test_a_mistake_is_found_at_its_place(validator, before, after, place):
    assert place in mistakes(validator, WHOLE.replace(before, after, 1))


def test_options_that_json_schema_cannot_tell_are_left_open(catalogue):
    class Stranger(limner.Options):
        hook: Callable[[], None]

    class Step(limner.Step):
        type = "odd.step"
        Options = Stranger

        @limner.hookimpl
        def rewrite_prompt(self, generations):
            return []

    catalogue.add(Step)
    validator = jsonschema.Draft202012Validator(pipelines_schema(catalogue))
    assert mistakes(validator, WHOLE.replace("use: words", "{use: odd.step, with: {hook: x}}", 1)) == []


def test_the_shipped_file_is_of_the_right_form(catalogue):
    """Step types apart, which the plugins that ship with Limner bring."""
    schema = pipelines_schema(catalogue)
    schema["$defs"]["step"]["properties"]["use"] = {"type": "string"}
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(load_yaml(SHIPPED).value)) == []
