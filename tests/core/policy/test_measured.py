"""Which categories a policy looks at, and the policies that come with Limner: their cases, their words, their gaps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.app import App
from limner.policy import Policy, bind, load_policies, measured, measured_by_rules
from limner.policy.categories import KNOWN, MODERATION
from limner.project import create_project, find_project
from limner.settings import Settings
from limner.trials.projects import lint, run_cases

ROOT = Path(__file__).parents[3]
STARTER = ("research", "standard", "strict")

TOY = """\
policy: toy
categories: {odd: {}}
rules:
  - {id: a, at: prompt, signal: toy.a, at_least: 1, then: block, category: violence}
  - {id: b, at: image, signal: toy.b, at_least: 1, then: block, category: violence}
  - {id: c, at: prompt, signal: toy.a, at_least: 0.5, then: review, category: hate, mode: shadow}
  - {id: d, at: upload, signal: toy.d, at_least: 1, then: block, category: odd}
"""


@pytest.fixture(scope="module")
def policies() -> Mapping[str, Policy]:
    return load_policies([ROOT / "policies"])


@pytest.fixture
def toy(tmp_path: Path) -> Policy:
    (tmp_path / "toy.yaml").write_text(TOY)
    return load_policies([tmp_path])["toy"]


def test_a_category_is_measured_at_the_gates_of_its_enforced_rules(toy: Policy) -> None:
    told = measured_by_rules(toy)
    assert told.keys() == KNOWN | {"odd"}
    assert {name: gates for name, gates in told.items() if gates} == {"violence": ("prompt", "image"), "odd": ("upload",)}


def test_a_rule_that_has_nothing_to_judge_in_a_pipeline_measures_nothing(toy: Policy, step: Any) -> None:
    steps = [step("filter_prompt", "words", "toy.a"), step("decode", "draw"), step("classify_image", "look", "toy.b")]
    steps = [step("sample_prior", "prior"), *steps]
    told = measured(bind(toy, steps, pipeline="p", file="pipelines.yaml"))
    assert told["odd"] == ()
    assert told["violence"] == ("prompt", "image")


def test_every_moderation_category_is_measured_in_prompts_by_the_policies_that_come_along(
    policies: Mapping[str, Policy],
) -> None:
    for name in ("standard", "strict"):
        told = measured_by_rules(policies[name])
        assert all("prompt" in told[category] for category in MODERATION), name
        assert told["sexual"] == ("prompt",)  # nothing looks for it in images, and nobody says it does
    assert measured_by_rules(policies["research"])["violence"] == ()


def test_every_rule_has_a_category_and_a_message_for_people(policies: Mapping[str, Policy]) -> None:
    for policy in policies.values():
        for rule in policy.rules:
            assert rule.category, (policy.name, rule.id)
            assert rule.message.endswith("."), (policy.name, rule.id)


def test_every_policy_tells_what_it_does_not_catch() -> None:
    for name in STARTER:
        assert "does not catch:" in (ROOT / "policies" / f"{name}.yaml").read_text(), name


def test_the_policies_that_come_along_hold_their_cases_and_every_rule_has_one(tmp_path: Path) -> None:
    create_project(tmp_path)
    settings = Settings.from_environment({"LIMNER_DEVICES": "cpu"})
    with App(settings, find_project(settings, tmp_path)) as app:
        lint(app)
        runs = run_cases(app, [])
    assert [run.policy for run in runs] == list(STARTER)
    for run in runs:
        assert run.failed == (), run.policy
        assert run.uncovered == (), run.policy
