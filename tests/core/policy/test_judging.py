"""What is decided, and that every check that fails is an error and never an allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from limner.bound import BoundStep
from limner.errors import StepError
from limner.generation import Caller, Decision, Finding, Generation, Request, Signal
from limner.policy import BoundPolicy, Policy, bind, strictest

MakeStep = Callable[..., BoundStep]
Run = Callable[..., list[Decision]]

RULES = """
rules:
  - id: weapons
    at: prompt
    signal: terms.weapon
    at_least: 0.5
    then: block
    category: violence
    message: No weapons here.
  - {id: trademarks, at: prompt, signal: terms.emblem, at_least: 0.5, then: review, category: trademarks}
"""
SHADOW = "rules: [{id: weapons, at: prompt, signal: terms.weapon, at_least: 0.5, then: block, mode: shadow}]"


@pytest.fixture
def steps(step: MakeStep) -> list[BoundStep]:
    return [
        step("filter_prompt", "terms", "terms.weapon", "terms.emblem"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
        step("classify_image", "concepts", "clip.sword"),
        step("watermark", "visible"),
    ]


@pytest.fixture
def decide(run: Run, steps: list[BoundStep]) -> Callable[..., Decision]:
    """The decision at the prompt, where `terms` measures these values."""

    def first(text: str = RULES, **terms: Any) -> Decision:
        return run(text, steps, measured={"terms": {f"terms.{name}": value for name, value in terms.items()}})[0]

    return first


def of(decision: Decision, rule: str) -> Finding:
    [found] = [finding for finding in decision.findings if finding.rule == rule]
    return found


def test_every_gate_that_is_looked_at_has_a_decision_also_an_allowing_one(run: Run, steps: list[BoundStep]) -> None:
    at_prompt, at_image = run(RULES, steps)
    assert (at_prompt.gate, at_prompt.action, at_prompt.after_step) == ("prompt", "allow", "terms")
    assert (at_image.gate, at_image.action, at_image.findings) == ("image", "allow", ())
    assert at_image.digests == {"concepts": "digest of concepts"}
    assert (at_prompt.message, at_prompt.category, at_prompt.error, at_prompt.rules) == ("", "", "", ())


def test_a_rule_that_fires_decides_and_says_why(decide: Callable[..., Decision], policy: Callable[[str], Policy]) -> None:
    decision = decide(weapon=0.75)
    assert (decision.action, decision.rules) == ("block", ("weapons",))
    assert (decision.message, decision.category) == ("No weapons here.", "violence")
    assert (decision.policy, decision.revision) == ("p", policy(RULES).revision)
    assert decision.seconds > 0
    fired, passed = of(decision, "weapons"), of(decision, "trademarks")
    assert (fired.result, fired.action, fired.margin) == ("fail", "block", 0.25)
    assert (fired.values, fired.thresholds) == ({"terms.weapon": 0.75}, {"terms.weapon": ">= 0.5"})
    assert (passed.result, passed.action, passed.margin) == ("pass", "allow", -0.5)


def test_the_strictest_decides_and_all_are_told(decide: Callable[..., Decision]) -> None:
    assert decide(emblem=1.0).action == "review"
    both = decide(emblem=1.0, weapon=1.0)
    assert (both.action, both.rules, both.category) == ("block", ("weapons",), "violence")
    assert [finding.result for finding in both.findings] == ["fail", "fail"]


def test_a_rule_without_a_message_still_has_one_for_the_caller(decide: Callable[..., Decision]) -> None:
    assert decide(emblem=1.0).message == "This request waits for a person to look at it."


@pytest.mark.parametrize(
    ("comparison", "fires", "passes"),
    [("at_least: 0.5", 0.5, 0.4999), ("above: 0.5", 0.5001, 0.5), ("at_most: 0.5", 0.5, 0.5001), ("below: 0.5", 0.4999, 0.5)],
)
def test_each_comparison_at_its_threshold(
    decide: Callable[..., Decision], comparison: str, fires: float, passes: float
) -> None:
    text = f"rules: [{{id: a, at: prompt, signal: terms.weapon, {comparison}, then: block}}]"
    assert decide(text, weapon=fires).action == "block"
    assert of(decide(text, weapon=fires), "a").margin == pytest.approx(abs(fires - 0.5))
    assert decide(text, weapon=passes).action == "allow"


def test_all_and_any_join_conditions(decide: Callable[..., Decision]) -> None:
    conditions = "[{{signal: terms.weapon, at_least: 0.5}}, {{signal: terms.emblem, below: 0.5}}]"
    text = f"rules: [{{{{id: a, at: prompt, {{}}: {conditions}, then: block}}}}]"
    assert decide(text.format("all"), weapon=0.7, emblem=0.4).action == "block"
    assert of(decide(text.format("all"), weapon=0.7, emblem=0.4), "a").margin == pytest.approx(0.1)
    assert decide(text.format("all"), weapon=0.7, emblem=0.6).action == "allow"
    assert decide(text.format("any"), weapon=0.4, emblem=0.4).action == "block"
    assert decide(text.format("any"), weapon=0.4, emblem=0.6).action == "allow"
    assert of(decide(text.format("any"), weapon=0.7, emblem=0.6), "a").margin == pytest.approx(0.2)


def test_a_signal_of_another_gate_is_told_with_its_gate(run: Run, steps: list[BoundStep]) -> None:
    text = """
rules:
  - id: a
    at: image
    all: [{signal: clip.sword, above: 0.1}, {signal: clip.sword, below: 0.9}, {signal: terms.weapon, at: prompt, below: 0.5}]
    then: block
"""
    decision = run(text, steps, measured={"concepts": {"clip.sword": 0.5}})[-1]
    assert decision.action == "block"
    assert of(decision, "a").values == {"clip.sword": 0.5, "terms.weapon@prompt": 0.0}
    assert of(decision, "a").thresholds == {"clip.sword": "> 0.1, < 0.9", "terms.weapon@prompt": "< 0.5"}
    assert decision.digests == {"terms": "digest of terms", "concepts": "digest of concepts"}


# --- when ---------------------------------------------------------------------------------------------------------------------

FOR_SOME = """
rules: [{id: weapons, at: prompt, signal: terms.weapon, at_least: 0.5, when: caller.cohort != "red-team", then: block}]
"""
FOR_STEPS = """
rules: [{id: weapons, at: prompt, signal: terms.weapon, at_least: 0.5, when: request.parameters.steps > 9, then: review}]
"""


def request(cohort: str = "local", **parameters: Any) -> Request:
    return Request("r", "generate", "t", "a sword", Caller("local:ann", cohort), parameters=parameters)


@pytest.mark.parametrize(("cohort", "action"), [("local", "block"), ("red-team", "allow")])
def test_when_says_for_whom_a_rule_is(run: Run, steps: list[BoundStep], cohort: str, action: str) -> None:
    decision = run(FOR_SOME, steps, measured={"terms": {"terms.weapon": 1.0}}, request=request(cohort))[0]
    assert decision.action == action


def test_a_when_that_gives_no_answer_is_an_error(run: Run, steps: list[BoundStep]) -> None:
    measured = {"terms": {"terms.weapon": 1.0}}
    missing, wrong, fine = (
        run(FOR_STEPS, steps, measured=measured, request=request(**parameters))[0]
        for parameters in ({}, {"steps": "many"}, {"steps": 10})
    )
    assert (missing.action, of(missing, "weapons").result) == ("block", "error")
    assert "`when` cannot be evaluated: KeyError" in missing.error
    assert (wrong.action, of(wrong, "weapons").result) == ("block", "error")
    assert (fine.action, of(fine, "weapons").result) == ("review", "fail")


# --- failing closed -----------------------------------------------------------------------------------------------------------

BAD_VALUES = {
    "missing": (None, "terms.weapon was not measured"),
    "NaN": (math.nan, "terms.weapon is nan, not a number from 0.0 to 1.0"),
    "infinite": (math.inf, "terms.weapon is inf, not a number from"),
    "text": ("0.0", "terms.weapon is not a number"),
    "truth": (True, "terms.weapon is not a number"),
    "list": ([0.0], "terms.weapon is not a number"),
    "complex": (0j, "terms.weapon is not a number"),
    "too high": (1.7, "terms.weapon is 1.7, not a number from 0.0 to 1.0"),
    "too low": (-0.3, "terms.weapon is -0.3, not a number from 0.0 to 1.0"),
    "huge": (10**400, "terms.weapon is inf, not a number from"),
}


@pytest.mark.parametrize("on_error", ["block", "review"])
@pytest.mark.parametrize("bad", BAD_VALUES)
def test_a_signal_that_cannot_be_judged_is_an_error(decide: Callable[..., Decision], bad: str, on_error: str) -> None:
    value, said = BAD_VALUES[bad]
    decision = decide(f"on_error: {on_error}\n{RULES}", weapon=value)
    assert decision.action == on_error
    assert decision.error.count(said) == 1
    assert of(decision, "weapons").result == "error"
    assert of(decision, "weapons").values == {}
    assert of(decision, "step:terms").result == "error"
    assert decision.message.startswith("A safety check could not be completed")


def test_a_number_of_another_kind_is_a_number(decide: Callable[..., Decision]) -> None:
    assert decide(weapon=Fraction(3, 4)).action == "block"
    assert decide(weapon=0).action == "allow"


def test_half_precision_may_round_past_the_end_of_a_range(decide: Callable[..., Decision]) -> None:
    assert decide(weapon=1.004).rules == ("weapons",)
    assert decide(weapon=-0.004).action == "allow"


def test_an_error_never_hides_a_rule_that_fires(decide: Callable[..., Decision]) -> None:
    decision = decide(f"on_error: review\n{RULES}", weapon=1.0, emblem=math.nan)
    assert (decision.action, decision.rules, decision.message) == ("block", ("weapons",), "No weapons here.")
    assert "terms.emblem is nan" in decision.error


@pytest.mark.parametrize(("on_error", "then", "action"), [("review", "block", "block"), ("block", "review", "block")])
def test_any_fires_on_the_signal_it_can_read(decide: Callable[..., Decision], on_error: str, then: str, action: str) -> None:
    conditions = "[{signal: terms.weapon, above: 0.5}, {signal: terms.emblem, above: 0.5}]"
    text = f"on_error: {on_error}\nrules: [{{id: a, at: prompt, any: {conditions}, then: {then}}}]"
    fired = of(decide(text, weapon=1.0, emblem=math.nan), "a")
    assert (fired.result, fired.action, fired.values) == ("fail", action, {"terms.weapon": 1.0})
    quiet = of(decide(text, weapon=0.0, emblem=math.nan), "a")
    assert (quiet.result, quiet.action) == ("error", on_error)


def test_a_signal_that_no_rule_reads_still_has_to_be_measured(decide: Callable[..., Decision]) -> None:
    text = "rules: [{id: weapons, at: prompt, signal: terms.weapon, at_least: 0.5, then: review}]"
    assert decide(text, weapon=0.0, emblem=None).action == "block"


def test_a_signal_that_was_not_declared_is_an_error(decide: Callable[..., Decision]) -> None:
    decision = decide(surprise=0.0)
    assert (decision.action, decision.error) == ("block", "terms.surprise was not declared")


def test_an_undeclared_signal_of_another_gate_is_an_error_at_that_gate(
    policy: Callable[[str], Policy], steps: list[BoundStep]
) -> None:
    bound = bind(policy(RULES), steps, pipeline="t", file="f")
    signals = {("prompt", name): Signal(name, 0.0) for name in ("terms.weapon", "terms.emblem")}
    generation = Generation("r", 0, 0, "", signals={**signals, ("image", "clip.sword"): Signal("clip.sword", 0.0)})
    at_prompt, at_image = bound.judge(0, generation, request())
    assert (at_prompt.gate, at_prompt.action) == ("prompt", "allow")
    assert (at_image.gate, at_image.action) == ("image", "block")


@pytest.mark.parametrize("on_error", ["block", "review"])
def test_a_check_that_raises_is_an_error(run: Run, steps: list[BoundStep], on_error: str) -> None:
    decision = run(f"on_error: {on_error}\n{RULES}", steps, errors={"terms": StepError("terms\nraised ValueError: no")})[0]
    assert (decision.gate, decision.action) == ("prompt", on_error)
    assert decision.error == "terms raised ValueError: no; terms.weapon was not measured; terms.emblem was not measured"
    assert set(decision.rules) == {"step:terms", "weapons", "trademarks"}


def test_a_check_that_no_rule_reads_fails_closed_too(run: Run, steps: list[BoundStep]) -> None:
    decision = run(RULES, steps, errors={"concepts": StepError("timed out")})[-1]
    assert (decision.gate, decision.action, decision.rules) == ("image", "block", ("step:concepts",))


def test_a_check_without_rules_that_measures_nonsense_fails_closed_too(run: Run, steps: list[BoundStep]) -> None:
    assert run("rules: []", steps, measured={"concepts": {"clip.sword": math.nan}})[-1].action == "block"


def test_another_step_that_fails_is_not_the_policys_business(run: Run, steps: list[BoundStep]) -> None:
    assert [decision.gate for decision in run(RULES, steps, errors={"decoder": StepError("out of memory")})] == [
        "prompt",
        "image",
    ]


def test_signals_of_a_value_that_has_changed_are_not_used_again(
    run: Run, step: MakeStep, policy: Callable[[str], Policy]
) -> None:
    steps = [
        step("filter_prompt", "terms", "terms.weapon", "terms.emblem"),
        step("rewrite_prompt", "style"),
        step("filter_prompt", "terms-2", "terms.weapon", "terms.emblem"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    ]
    first, second = run(RULES, steps, errors={"terms-2": StepError("late")})
    assert (first.action, second.action) == ("allow", "block")
    first, second = run(RULES, steps, measured={"terms-2": {"terms.weapon": 1.0}})
    assert (first.action, second.action, second.rules) == ("allow", "block", ("weapons",))


# --- in the middle of a run ---------------------------------------------------------------------------------------------------


@pytest.fixture
def two_checks(step: MakeStep) -> list[BoundStep]:
    return [
        step("filter_prompt", "terms", "terms.weapon", "terms.emblem"),
        step("filter_prompt", "textclf", "textclf.hate"),
        step("sample_prior", "prior"),
        step("decode", "decoder"),
    ]


def walk(
    course: Any, policy: Policy, steps: Sequence[BoundStep], **given: Mapping[str, Any]
) -> list[tuple[str, tuple[Decision, ...]]]:
    walked: list[tuple[str, tuple[Decision, ...]]] = course(bind(policy, steps, pipeline="t", file="f"), steps, **given).walk()
    return walked


def test_nothing_is_decided_before_a_run_ends(
    course: Any, policy: Callable[[str], Policy], two_checks: list[BoundStep]
) -> None:
    told = walk(course, policy(RULES), two_checks, measured={"terms": {"terms.weapon": 1.0}})
    assert [(step, [decision.action for decision in decisions]) for step, decisions in told] == [
        ("terms", []),
        ("textclf", ["block"]),
        ("prior", []),
        ("decoder", []),
    ]


def test_a_check_that_fails_within_a_run_is_decided_at_once(
    course: Any, policy: Callable[[str], Policy], two_checks: list[BoundStep]
) -> None:
    at_once, at_end = (
        decisions
        for _, decisions in walk(
            course,
            policy(f"on_error: review\n{RULES}"),
            two_checks,
            errors={"terms": StepError("raised")},
            measured={"textclf": {"textclf.hate": 1.0}},
        )[:2]
    )
    assert [(decision.gate, decision.action, decision.after_step) for decision in at_once] == [("prompt", "review", "terms")]
    assert [(decision.gate, decision.action, decision.after_step) for decision in at_end] == [("prompt", "review", "textclf")]
    assert strictest((*at_once, *at_end)) == "review"


def test_strictest_of_nothing_is_allow() -> None:
    assert strictest(()) == "allow"


# --- shadow -------------------------------------------------------------------------------------------------------------------


def test_a_shadow_rule_is_recorded_and_not_enforced(decide: Callable[..., Decision]) -> None:
    decision = decide(SHADOW, weapon=1.0)
    assert (decision.action, decision.rules, decision.message) == ("allow", (), "")
    assert (of(decision, "weapons").result, of(decision, "weapons").action) == ("fail", "block")
    assert of(decision, "weapons").mode == "shadow"


def test_a_shadow_error_never_blocks(run: Run, steps: list[BoundStep], decide: Callable[..., Decision]) -> None:
    for decision in (
        decide(SHADOW, weapon=math.nan),
        decide(SHADOW.replace("then: block", "then: block, when: request.parameters.x > 1"), weapon=1.0),
        run(SHADOW, steps, errors={"terms": StepError("raised")})[0],
    ):
        assert (decision.action, decision.error) == ("allow", "")
        assert of(decision, "weapons").result == "error"


def test_a_required_check_fails_in_earnest_even_if_only_shadow_rules_read_it(run: Run, steps: list[BoundStep]) -> None:
    decision = run(f"requires: [terms]\n{SHADOW}", steps, errors={"terms": StepError("raised")})[0]
    assert (decision.action, decision.rules) == ("block", ("step:terms",))


def test_a_whole_policy_in_shadow_enforces_nothing(
    course: Any, policy: Callable[[str], Policy], steps: list[BoundStep]
) -> None:
    bound: BoundPolicy = bind(policy(RULES), steps, pipeline="t", file="f", mode="shadow")
    measured = {"terms": {"terms.weapon": 1.0, "terms.more": 1.0}}
    decisions = course(bound, steps, measured=measured, errors={"concepts": StepError("raised")}).run()
    assert {decision.action for decision in decisions} == {"allow"}
    assert {finding.mode for decision in decisions for finding in decision.findings} == {"shadow"}
    assert of(decisions[0], "weapons").action == "block"


def test_judging_changes_nothing(policy: Callable[[str], Policy], steps: list[BoundStep]) -> None:
    bound = bind(policy(RULES), steps, pipeline="t", file="f")
    generation = Generation("r", 0, 0, "", signals={})
    before = replace(generation)
    bound.judge(0, generation, request())
    assert generation.signals == before.signals
    assert generation.decisions == ()
