"""What is wrong with the rules of a policy by themselves: those that can never apply, and those that say the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from limner.errors import PluginError, Problem
from limner.hookspecs import STAGES
from limner.policy.rules import Condition, Policy, Rule, SignalKey
from limner.step import Range
from limner.yaml_problems import NONE_NEAR, did_you_mean


def rule_problems(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules that can never apply, whatever is measured, and rules that repeat another."""
    said: dict[object, Rule] = {}
    for rule in rules:
        yield from _never(rule)
        first = said.setdefault((rule.at, rule.join, frozenset(rule.conditions), rule.when, rule.then, rule.mode), rule)
        if first is not rule:
            what = f"says the same as rule {first.id}, at {first.source.file}:{first.source.line}"
            yield rule.source.problem(what, "remove one of the two")


def unknown_steps(policy: Policy, find: Callable[[str], object]) -> dict[str, Problem]:
    """The requirements that name no stage and no step that there is. `find` looks a step type up, and raises PluginError."""
    unknown: dict[str, Problem] = {}
    for name, source in policy.required_at.items():
        if name not in STAGES:
            try:
                find(name)
            except PluginError as error:
                unknown[name] = source.problem(error.what, _way_out(name, error.fix))
    return unknown


def _way_out(name: str, fix: str) -> str:
    """A stage that resembles the name, where no step does; never in place of why a step that there is cannot be had."""
    meant = did_you_mean(name, STAGES)
    return meant if meant.endswith("?") and fix.startswith(NONE_NEAR) else fix


def unknown_signals(policy: Policy, known: Mapping[SignalKey, Range], *, near_misses: bool = False) -> Iterator[Problem]:
    """Signals that no pipeline measures, and thresholds that none of them can reach.

    With `near_misses`, of unknown signals only those that resemble a known one. That is for a policy which suits a pipeline:
    `bind` finds the others, but for those of rules that are idle there, and these may be meant for pipelines to come.
    """
    for condition in (condition for rule in policy.rules for condition in rule.conditions):
        if condition.key not in known:
            names = {name for gate, name in known if gate == condition.gate}
            what = f"no pipeline measures {condition.signal} at the gate {condition.gate}"
            fix = did_you_mean(condition.signal, names)
            if fix.endswith("?") or not near_misses:
                yield condition.source.problem(what, fix)
        elif not (limits := known[condition.key]).low <= condition.threshold <= limits.high:
            what = f"{condition.text} is outside the range of {condition.signal}, {limits.low} to {limits.high}"
            yield condition.source.problem(what)


def _never(rule: Rule) -> Iterator[Problem]:
    if rule.when is not None and rule.when.is_never:
        what = f"rule {rule.id} can never apply: its `when` is always false"
        yield rule.source.problem(what, "remove the rule, or mend its `when`")
    if rule.join == "all":
        for one, other in combinations(rule.conditions, 2):
            if one.key == other.key and _exclude(one, other):
                what = f"rule {rule.id} can never apply: {one.signal} cannot be {one.text} and {other.text}"
                yield rule.source.problem(what, "write `any:`, or mend a threshold")


def _exclude(one: Condition, other: Condition) -> bool:
    """Whether no value satisfies both: one wants it high, the other low, and there is nothing between."""
    for low, high in ((one, other), (other, one)):
        if low.wants_high and not high.wants_high:
            strict = low.is_strict or high.is_strict
            return low.threshold > high.threshold or (strict and low.threshold == high.threshold)
    return False


def all_measured(emitted: Iterable[Mapping[SignalKey, Range]]) -> dict[SignalKey, Range]:
    """Every signal of several pipelines, with the widest range that one declares."""
    known: dict[SignalKey, Range] = {}
    for signals in emitted:
        for key, limits in signals.items():
            before = known.get(key, limits)
            known[key] = Range(min(before.low, limits.low), max(before.high, limits.high))
    return known
