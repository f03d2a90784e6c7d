"""Whatever the pipeline: what loads is judged for its final values, and a check that fails lets nothing pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from properties import for_all

from limner.bound import BoundStep
from limner.errors import InvalidFile, StepError
from limner.generation import SEVERITY, Action, Gate
from limner.hookspecs import STAGES
from limner.policy import BoundPolicy, Policy, Rule, bind, strictest
from limner.policy.rules import Condition

SIGNALS = {"filter_prompt": ("t.a", "t.b"), "classify_embedding": ("c.a",), "classify_image": ("c.a", "c.b")}
KEYS: list[tuple[Gate, str]] = [("prompt", "t.a"), ("prompt", "t.b"), ("embedding", "c.a"), ("image", "c.a"), ("image", "c.b")]
KINDS = [*SIGNALS, *SIGNALS, "rewrite_prompt", "transform_embedding", "upscale", "transform_image", "sample_prior", "decode"]
WRITERS: dict[Gate, tuple[str, ...]] = {
    "prompt": ("rewrite_prompt",),
    "upload": (),
    "embedding": ("sample_prior", "transform_embedding"),
    "image": ("rewrite_prompt", "decode", "upscale", "transform_image"),
}


def flowing(stages: list[str]) -> Iterator[str]:
    """These stages between a prompt filter, a prior and a decoder, without those that a pipeline would not load with."""
    there, measured = {"prompt"}, set()
    for stage in ["filter_prompt", *stages[:4], "sample_prior", "classify_embedding", "decode", *stages[4:], "classify_image"]:
        kind = STAGES[stage]
        if kind.needs <= there and stage not in measured:
            yield stage
            there |= kind.writes
            measured |= {stage} if kind.gate else set()
            measured -= {name for name in SIGNALS if STAGES[name].gate in kind.writes}
            if "prompt" in kind.writes:
                there -= {"text", "embedding"}
                measured.clear()


def laid(step: Callable[..., BoundStep], random: Random, on_error: Action = "block") -> BoundPolicy:
    """A policy of some rules over some stages that suit each other."""
    length = random.randint(0, 8)  # once, as long pipelines are refused more often
    while True:
        stages = random.choices(KINDS, k=length)
        rules = [
            (random.choice(("all", "any")), random.sample(KEYS, random.randint(1, 2))) for _ in range(random.randint(1, 3))
        ]
        steps = [step(stage, f"{stage}-{i}", *SIGNALS.get(stage, ())) for i, stage in enumerate(flowing(stages))]
        policy = Policy("p", tuple(rule(i, join, keys) for i, (join, keys) in enumerate(rules)), on_error=on_error)
        try:
            return bind(policy, steps, pipeline="t", file="f")
        except InvalidFile:
            continue


def rule(number: int, join: Any, keys: list[tuple[Gate, str]]) -> Rule:
    at = max((gate for gate, _ in keys), key=("prompt", "embedding", "image").index)
    return Rule(f"r{number}", at, tuple(Condition(gate, name, "at_least", 0.5) for gate, name in keys), "block", join)


def test_every_rule_is_judged_after_the_last_change_of_its_value(step: Any, course: Any) -> None:
    def check(bound: BoundPolicy) -> None:
        steps = bound.course.steps
        told = [decisions for _, decisions in course(bound, steps).walk()]
        assert not any(decision.error for decisions in told for decision in decisions)
        assert bound.idle == ()
        for each in (each for each in bound.policy.rules if each.at in bound.course.moments[-1].values):
            changed = max((i for i, step in enumerate(steps) if step.stage.name in WRITERS[each.at]), default=-1)
            judged = [i for i, decisions in enumerate(told) if any(f.rule == each.id for d in decisions for f in d.findings)]
            assert max(judged) > changed

    for_all(lambda random: laid(step, random), check)


def test_a_check_that_fails_lets_nothing_pass(step: Any, course: Any) -> None:
    def failing(random: Random) -> tuple[BoundPolicy, dict[str, Any]]:
        bound = laid(step, random, random.choice(("block", "review")))
        failing = random.choice([each for each in bound.course.steps if each.measures])
        fault = random.choice((None, math.nan, math.inf, "0", 7.0, StepError("raised")))
        if isinstance(fault, StepError):
            return bound, {"errors": {failing.id: fault}}
        return bound, {"measured": {failing.id: {random.choice(sorted(failing.emits)): fault}}}

    def check(drawn: tuple[BoundPolicy, dict[str, Any]]) -> None:
        bound, fault = drawn
        decisions = course(bound, bound.course.steps, **fault).run()
        assert SEVERITY[strictest(decisions)] >= SEVERITY[bound.policy.on_error]

    for_all(failing, check)


def test_what_a_rule_forbids_is_blocked_wherever_it_comes_in(step: Any, course: Any) -> None:
    def forbidden(random: Random) -> tuple[BoundPolicy, Rule]:
        bound = laid(step, random)
        return bound, random.choice(bound.policy.rules)

    def check(drawn: tuple[BoundPolicy, Rule]) -> None:
        bound, chosen = drawn
        steps = bound.course.steps
        measured: dict[str, dict[str, float]] = {each.id: {} for each in steps}
        for condition in chosen.conditions:
            at_last = max(bound.course.measurers(condition.key))
            measured[steps[at_last].id][condition.signal] = 1.0
        assert strictest(course(bound, steps, measured=measured).run()) == "block"

    for_all(forbidden, check)
