"""When each rule is judged, worked out before anything runs.

A rule is due at the end of the first run of consecutive measuring steps by which all its signals exist. When a later step
changes the value of one of its gates, its signals are dropped: it is due again at the end of the run that has measured them
again, and if none does, it was never judged for the final value, so the pipeline does not load. Nor does it load where a
rule about the prompt, an upload or the embedding is still due when a step makes an image of that value: that is too late.

A condition is idle where the pipeline never has its gate's value; a rule is idle where its own gate's value never exists, where
idle conditions leave nothing that could make it fire, or where the value is gone before anything comes of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from limner.errors import Problem
from limner.generation import Gate
from limner.policy.course import Complaints, Course
from limner.policy.rules import Condition, Rule, SignalKey
from limner.policy.timeline import changes, makes_image
from limner.yaml_problems import did_you_mean


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rules due at the end of each run, by the index of its last step, and the ids of those that are idle."""

    due: dict[int, tuple[Rule, ...]]
    idle: tuple[str, ...]


def schedule(rules: Sequence[Rule], course: Course, complaints: Complaints) -> Schedule:
    """Work out when each rule is judged; note every rule that cannot be judged in time."""
    due: dict[int, tuple[Rule, ...]] = {run.last: () for run in course.runs}
    for rule in filter(None, (_without_idle_conditions(rule, course) for rule in rules)):
        if _is_measured(rule, course, complaints):
            for index in _due(rule, course, complaints):
                due[index] = (*due[index], rule)
    judged = {rule.id for several in due.values() for rule in several}
    return Schedule(due, tuple(rule.id for rule in rules if rule.id not in judged))


def _without_idle_conditions(rule: Rule, course: Course) -> Rule | None:
    conditions = tuple(c for c in rule.conditions if course.ever_exists(c.gate))
    if not course.ever_exists(rule.at) or not conditions:
        return None
    if rule.join == "all" and conditions != rule.conditions:
        return None
    return replace(rule, conditions=conditions)


def _is_measured(rule: Rule, course: Course, complaints: Complaints) -> bool:
    """Whether some step measures each of the rule's signals, in a range that its threshold fits."""
    is_measured = True
    for condition in rule.conditions:
        for problem in _mismatches(rule, condition, course):
            is_measured = False
            if not _waits_for(condition, course, complaints.missing):
                complaints.add(problem)
    return is_measured


def _waits_for(condition: Condition, course: Course, missing: Collection[str]) -> bool:
    """Whether the signal is of a plugin whose step is missing, which is told, and none of its steps measures at this gate."""
    plugin = condition.signal.partition(".")[0]
    there = {step.type.partition(".")[0] for step in course.steps if step.stage.gate == condition.gate}
    return plugin in {name.partition(".")[0] for name in missing} - there


def _mismatches(rule: Rule, condition: Condition, course: Course) -> Iterator[Problem]:
    where = (f"rule {rule.id}", f"pipeline {course.pipeline}")
    measurers = course.measurers(condition.key)
    if not measurers:
        what = f"no step measures {condition.signal} at the gate {condition.gate}"
        yield condition.source.problem(what, _where_it_is_measured(condition, course), *where)
    for step in (course.steps[index] for index in measurers):
        limits = step.emits[condition.signal]
        declared = f"{step.type} declares {limits.low} to {limits.high}"
        if not limits.low <= condition.threshold <= limits.high:
            what = f"{condition.text} is outside the range of {condition.signal}: {declared}"
            yield condition.source.problem(what, "", *where)
        elif condition.is_strict and not (condition.holds(limits.low) or condition.holds(limits.high)):
            yield condition.source.problem(f"{condition.signal} can never be {condition.text}: {declared}", "", *where)


def _where_it_is_measured(condition: Condition, course: Course) -> str:
    gates = [step.stage.gate for step in course.steps if condition.signal in step.emits]
    if gates:
        return f"it is measured at the gate {gates[0]}"
    known = {name for step in course.steps if step.stage.gate == condition.gate for name in step.emits}
    return did_you_mean(condition.signal, known) or f"add a step that measures the {condition.gate}"


def _due(rule: Rule, course: Course, complaints: Complaints) -> list[int]:
    """The last steps of the runs at whose ends the rule is judged."""
    gates: set[Gate] = {rule.at, *(condition.gate for condition in rule.conditions)}
    keys = {condition.key for condition in rule.conditions}
    ends = {run.last for run in course.runs}
    due: list[int] = []
    pending = True
    for index, (step, moment) in enumerate(zip(course.steps, course.moments, strict=True)):
        if pending and rule.at != "image" and rule.at in course.values_before(index) and makes_image(step):
            _complain(rule, keys, index, course, complaints)
            return due
        pending = pending or bool(changes(step) & gates)
        if pending and index in ends and rule.at in moment.values and keys <= moment.measured.keys():
            due.append(index)
            pending = False
    if pending and rule.at in course.moments[-1].values:
        _complain(rule, keys, len(course.steps), course, complaints)
    return due


def _complain(rule: Rule, keys: set[SignalKey], by: int, course: Course, complaints: Complaints) -> None:
    """Say of each signal that the rule lacks when step `by` begins, which step to move where."""
    missing = sorted(keys - course.measured_before(by))
    for key in missing:
        measurers = course.measurers(key)
        earlier = [index for index in measurers if index < by]
        if earlier and (stale_by := course.stale_by(key[0], earlier[-1], by)) is not None:
            complaints.before_change(earlier[-1], stale_by, f"rule {rule.id}")
        else:
            complaints.after_image(measurers[0], by, f"rule {rule.id}")
    if not missing:
        what = f"nothing is measured after this step, so rule {rule.id} is not judged for the final {rule.at}"
        complaints.add(course.problem(by - 1, what, f"add a step that measures the {rule.at} after it"))
