"""Cases beside a policy: run by the code that judges requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from limner.errors import InvalidFile, StepError, UsageError
from limner.generation import Signal
from limner.policy import Policy, bind
from limner.policy.cases import CaseRun, case_files, first_suited, load_cases

POLICY = """
requires: [words]
rules:
  - {id: bad, at: prompt, signal: t.bad, at_least: 1, then: block, when: caller.cohort != "red-team"}
  - {id: odd, at: prompt, signal: t.odd, at_least: 0.5, then: review, on_error: review}
  - {id: tried, at: prompt, signal: t.odd, at_least: 0.1, then: block, mode: shadow}
  - {id: dark, at: image, signal: c.dark, at_least: 0.9, then: block}
"""
Run = Callable[..., CaseRun]


@pytest.fixture
def run(policy: Callable[[str], Policy], step: Any, tmp_path: Path) -> Run:
    """Runs cases over a filter that finds `bad` and `odd` in the prompt, a decoder and a classifier."""
    steps = [step("filter_prompt", "words", "t.bad", "t.odd"), step("decode", "draw"), step("classify_image", "look", "c.dark")]
    bound = bind(policy(POLICY), steps, pipeline="plain", file="pipelines.yaml")

    def measure(of: Any, generation: Any) -> Any:
        if "crash" in generation.prompt:
            return StepError("on fire")
        return [Signal("t.bad", float("bad" in generation.prompt)), Signal("t.odd", float("odd" in generation.prompt))]

    def over(cases: str) -> CaseRun:
        path = tmp_path / "p.yaml"
        path.write_text(f"policy: p\ncases:\n{cases}")
        return load_cases(path, {"p": bound.policy}).test(bound, measure)

    return over


def test_cases_hold_where_decision_and_rule_are_as_expected(run: Run) -> None:
    tested = run(
        """\
  - {prompt: a bad thing, expect: block, rule: bad}
  - {prompt: an odd thing, expect: review, rule: [odd, tried]}
  - {prompt: a fine thing, expect: allow}
  - {prompt: a bad thing, cohort: red-team, expect: allow}
  - {name: seen late, signals: {image: {c.dark: 0.95}}, expect: block, rule: dark}
"""
    )
    assert tested.failed == ()
    assert tested.uncovered == ()
    assert tested.pipeline == "plain"


def test_a_wrong_expectation_says_what_was_decided_and_by_which_rule(run: Run) -> None:
    [failed] = run("  - {prompt: a bad thing, expect: review, rule: odd}\n").failed
    assert failed.complaints == ("expected review, decided block (bad)", "rule odd did not apply")
    assert failed.place.endswith("p.yaml:3")


def test_rules_without_a_case_are_named(run: Run) -> None:
    assert run("  - {prompt: a bad thing, expect: block, rule: bad}\n").uncovered == ("odd", "tried", "dark")


def test_a_step_that_breaks_can_be_a_case(run: Run) -> None:
    tested = run(
        """\
  - {prompt: a fine thing, fails: look, expect: block, rule: "step:look"}
  - {prompt: crash, expect: block, rule: [bad, "step:words"]}
"""
    )
    assert tested.failed == ()


def test_recorded_signals_take_the_place_of_measured_ones(run: Run) -> None:
    tested = run("  - {prompt: a fine thing, signals: {prompt: {t.odd: 0.7}}, expect: review, rule: odd}\n")
    assert tested.failed == ()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{prompt: x, expect: block}", "names no `rule`"),
        ("{expect: allow}", "needs a `prompt`, `signals` or `fails`"),
        ("{prompt: x, expect: blok, rule: bad}", "'blok'"),
        ("{prompt: x, expect: block, rule: bat}", "did you mean 'bad'?"),
        ("{prompt: x, expect: allow, fails: wrds}", "did you mean 'words'?"),
        ("{signals: {image: {c.drak: 1}}, expect: allow}", "did you mean 'c.dark'?"),
    ],
)
def test_what_a_case_gets_wrong_is_told_with_its_place(run: Run, case: str, said: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        run(f"  - {case}\n")
    assert said in str(caught.value)
    assert "p.yaml:3:" in str(caught.value)


def test_case_files_of_plugins_have_their_prefix(tmp_path: Path) -> None:
    for folder in ("house", "acme"):
        (tmp_path / folder / "cases").mkdir(parents=True)
        (tmp_path / folder / "cases" / "p.yaml").write_text("policy: p\n")
    assert list(case_files([tmp_path / "house"], {"acme": str(tmp_path / "acme")})) == ["p", "acme/p"]


def test_a_policy_that_suits_no_pipeline_cannot_be_tried(policy: Callable[[str], Policy]) -> None:
    with pytest.raises(UsageError, match="does not suit any pipeline"):
        first_suited(policy("rules: []"), {}, None)
