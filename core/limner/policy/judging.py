"""From signals to findings: what one rule, or one measuring step, makes of a generation.

Every check fails closed. A signal that is missing, not a number, not finite or outside its declared range is an `error`, and so
is a `when` that gives no answer; a step that was to measure and did not, or measured what it never declared, is an `error` of
its own, whether a rule reads its signals or not. An error asks for the rule's `on_error` action, else the policy's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from limner.errors import StepError
from limner.generation import SEVERITY, Action, Finding, Generation, Mode, Signal
from limner.policy.cel import Variables
from limner.policy.cel_tokens import WhenError
from limner.policy.rules import Rule, SignalKey
from limner.step import Range

Result = Literal["pass", "fail", "error"]
Values = Mapping[SignalKey, float]

AND = "; "  # between the errors of one finding, and those of several


class Unmeasured(Exception):
    """A signal that cannot be judged; the message says why."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges under one policy: `on_error` is its action for checks that fail, `shadow` makes every finding a shadow one."""

    on_error: Action
    shadow: bool = False

    def rule(self, rule: Rule, generation: Generation, declared: Mapping[SignalKey, Range], variables: Variables) -> Finding:
        """What a rule makes of the signals it names."""
        values: dict[SignalKey, float] = {}
        errors = []
        for key in dict.fromkeys(condition.key for condition in rule.conditions):
            try:
                values[key] = read(generation, key, declared[key])
            except Unmeasured as error:
                errors.append(str(error))
        try:
            result = _result(rule, values, variables, failed=bool(errors))
        except WhenError as error:
            result = "error"
            errors.append(str(error))
        return self._finding(rule, result, values, errors)

    def _finding(self, rule: Rule, result: Result, values: Values, errors: list[str]) -> Finding:
        return Finding(
            rule=rule.id,
            result=result,
            action=self._action(rule, result, failed=bool(errors)),
            mode=self._mode(rule.mode),
            category=rule.category,
            message=rule.message,
            values={_label(rule, key): value for key, value in values.items()},
            thresholds=_thresholds(rule),
            margin=_margin(rule, values),
            detail=AND.join(errors),
            severity=rule.severity,
        )

    def _action(self, rule: Rule, result: Result, failed: bool) -> Action:
        if result == "pass":
            return "allow"
        asked = (rule.then if result == "fail" else "allow", self.on_error_of(rule) if failed else "allow")
        return max(asked, key=SEVERITY.__getitem__)

    def on_error_of(self, rule: Rule) -> Action:
        """The action where a rule cannot be judged."""
        return rule.on_error or self.on_error

    def signal(self, name: str) -> Finding:
        """The error of a signal that no step declares."""
        return Finding(f"signal:{name}", "error", self.on_error, self._mode("enforce"), detail=f"{name} was not declared")

    def step(self, step_id: str, detail: str, mode: Mode, readers: Iterable[Rule] = ()) -> Finding:
        """The error of a measuring step: it failed, or did not measure what it declares.

        It asks for the strictest `on_error` of the rules that read it, the policy's where none does.
        """
        actions = [self.on_error_of(rule) for rule in readers if rule.mode == mode]
        action = max(actions, key=SEVERITY.__getitem__, default=self.on_error)
        return Finding(f"step:{step_id}", "error", action, self._mode(mode), detail=detail)

    def _mode(self, mode: Mode) -> Mode:
        return "shadow" if self.shadow else mode


def _result(rule: Rule, values: Values, variables: Variables, failed: bool) -> Result:
    """Whether the rule applies, where `failed` tells that some of its signals cannot be read.

    One signal of `any` that holds is enough, whatever the others are. `when` is asked last: it costs the most.
    """
    holding = [condition.holds(values[condition.key]) for condition in rule.conditions if condition.key in values]
    holds = any(holding) if rule.join == "any" else all(holding) and not failed
    if holds and (rule.when is None or rule.when.holds(variables)):
        return "fail"
    return "error" if failed else "pass"


def read(generation: Generation, key: SignalKey, declared: Range) -> float:
    """A signal's value. Raises Unmeasured where it is missing, not a number, not finite, or outside its declared range."""
    name = key[1]
    signal = generation.signals.get(key)
    if signal is None:
        raise Unmeasured(f"{name} was not measured")
    value = number(signal)
    if value is None:
        raise Unmeasured(f"{name} is not a number")
    if not declared.admits(value):
        raise Unmeasured(f"{name} is {value}, not a number from {declared.low} to {declared.high}")
    return value


def number(signal: object) -> float | None:
    """The value of a signal as a float; None where it is no signal, or its value no real number."""
    if not isinstance(signal, Signal):
        return None
    if type(signal.value) is float:
        return signal.value
    if not isinstance(signal.value, Real) or isinstance(signal.value, bool):
        return None
    try:
        return float(signal.value)
    except OverflowError:  # an integer too large for a float
        return math.inf


def broken(generation: Generation, declared: Mapping[SignalKey, Range]) -> Iterator[str]:
    """What is wrong with what a step measured, given what it declares."""
    for key, limits in declared.items():
        try:
            read(generation, key, limits)
        except Unmeasured as error:
            yield str(error)


def failure(error: StepError) -> str:
    """A step's error in one line."""
    return " ".join(error.what.split())


def errors_of(findings: Iterable[Finding]) -> str:
    """What went wrong in enforced findings, each error once: a step that did not measure and its rules tell the same one."""
    failed = (finding for finding in findings if finding.mode == "enforce" and finding.result == "error")
    return AND.join(dict.fromkeys(error for finding in failed for error in finding.detail.split(AND)))


def strictest(findings: Iterable[Finding]) -> Action:
    """The strictest action that enforced findings ask for."""
    return max((f.action for f in findings if f.mode == "enforce"), key=SEVERITY.__getitem__, default="allow")


def _margin(rule: Rule, values: Values) -> float | None:
    """How far the rule is over its threshold, by the condition that decides; None where that cannot be told."""
    margins = [condition.margin(values[condition.key]) for condition in rule.conditions if condition.key in values]
    if rule.join == "any":
        return max(margins, default=None)
    return min(margins) if len(margins) == len(rule.conditions) else None


def _label(rule: Rule, key: SignalKey) -> str:
    """A signal's name in a finding; with its gate where that is not the rule's."""
    gate, name = key
    return name if gate == rule.at else f"{name}@{gate}"


def _thresholds(rule: Rule) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for condition in rule.conditions:
        texts.setdefault(_label(rule, condition.key), []).append(condition.text)
    return {label: ", ".join(several) for label, several in texts.items()}
