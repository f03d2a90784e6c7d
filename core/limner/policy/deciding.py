"""Deciding: what a bound policy says after each step of a generation.

Decisions are due

- at the end of a run of consecutive measuring steps, one for each gate that a step of the run measures or a rule due there is
  about: `allow` too, so that the record shows that somebody looked;
- at once where a measuring step failed in the middle of a run: a block then spares the rest of the run. If `on_error` is
  `review` the run may go on, and its end is judged as ever.

The strictest enforced finding makes the decision; findings in shadow mode are recorded beside it. A measuring step whose
signals only shadow rules read, and that nothing requires, fails in shadow too. One that no rule reads at all fails in earnest:
it stands in the pipeline to guard something.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from limner.bound import BoundStep
from limner.errors import StepError
from limner.generation import GATES, SEVERITIES, Action, Decision, Finding, Gate, Generation, Mode, Request
from limner.policy import judging
from limner.policy.cel import Variables
from limner.policy.course import Course
from limner.policy.judging import Judge
from limner.policy.requirements import is_required
from limner.policy.rules import Policy, Rule, SignalKey
from limner.policy.timeline import Run
from limner.step import Range

MESSAGES: Mapping[Action, str] = {
    "allow": "",
    "review": "This request waits for a person to look at it.",
    "block": "This request is not something this service makes.",
}
FAILED_CHECK: Mapping[Action, str] = {
    "allow": "",
    "review": "A safety check could not be completed, so a person has to look at this request.",
    "block": "A safety check could not be completed, so this request cannot go on.",
}


@dataclass(frozen=True, slots=True)
class BoundPolicy:
    """A policy bound to a pipeline. `idle` holds the ids of rules that have nothing to judge in it. Thread-safe.

    `tried` are the signals that the policy tried in its shadow reads: a step that measures for that one alone fails in shadow.
    """

    policy: Policy
    course: Course
    due: Mapping[int, tuple[Rule, ...]] = field(repr=False)
    idle: tuple[str, ...]
    mode: Mode = "enforce"
    tried: frozenset[SignalKey] = frozenset()

    def beside(self, shadow: BoundPolicy) -> BoundPolicy:
        """This policy with another tried in its shadow."""
        return replace(self, tried=frozenset().union(*shadow.signals_due.values()))

    @property
    def signals_due(self) -> Mapping[int, frozenset[SignalKey]]:
        """The signals judged at the end of each run, by the index of the run's last step."""
        return {
            index: frozenset(condition.key for rule in rules for condition in rule.conditions)
            for index, rules in self.due.items()
        }

    def judge(
        self, index: int, generation: Generation, request: Request, error: StepError | None = None
    ) -> tuple[Decision, ...]:
        """The decisions due after step `index` (from 0) has answered, or failed with `error`; often none.

        `generation` is as the step left it; where the step failed, as it was before.
        """
        run = next((run for run in self.course.runs if index in run), None)
        if run is None or (index < run.last and error is None):
            return ()
        return tuple(_Point(self, run, index, generation, Variables(request), error).decisions())


@dataclass(frozen=True, slots=True)
class _Point:
    """One point in a generation's life at which decisions are due."""

    bound: BoundPolicy
    run: Run
    index: int
    generation: Generation
    variables: Variables
    error: StepError | None

    def decisions(self) -> Iterator[Decision]:
        at_end = self.index == self.run.last
        due = self.bound.due[self.run.last]
        steps = range(self.run.first, self.run.last + 1) if at_end else (self.index,)
        rules = due if at_end else [rule for rule in due if self._reads(rule, self.index)]
        stray = self._undeclared()
        gates = {self._step(i).stage.gate for i in steps} | {rule.at for rule in rules} | stray.keys()
        for gate in (gate for gate in GATES if gate in gates):
            yield self._decide(gate, steps, [rule for rule in rules if rule.at == gate], stray.get(gate, ()))

    def _decide(self, gate: Gate, steps: Iterable[int], rules: Sequence[Rule], stray: Iterable[str]) -> Decision:
        started = time.perf_counter()
        measuring = [i for i in steps if self._step(i).stage.gate == gate]
        judge, ranges = self._judge, self._ranges
        findings = (
            *(finding for i in measuring for finding in self._step_findings(i)),
            *(judge.signal(name) for name in stray),
            *(judge.rule(rule, self.generation, ranges, self.variables) for rule in rules),
        )
        action = judging.strictest(findings)
        lead = _leading(findings, action)
        return Decision(
            gate=gate,
            action=action,
            policy=self.bound.policy.name,
            revision=self.bound.policy.revision,
            findings=findings,
            after_step=self._step(self.index).id,
            digests=self._digests(measuring, rules),
            message=_message(lead, action),
            category=lead.category if lead else "",
            error=judging.errors_of(findings),
            seconds=time.perf_counter() - started,
            mode=self.bound.mode,
        )

    def _step_findings(self, index: int) -> Iterator[Finding]:
        """The error of one measuring step, if it failed or did not measure what it declares."""
        step = self._step(index)
        details = list(judging.broken(self.generation, _declared_by(step)))
        if index == self.index and self.error is not None:
            details.insert(0, judging.failure(self.error))
        if details:
            readers = {rule.id: rule for rules in self.bound.due.values() for rule in rules if self._reads(rule, index)}
            yield self._judge.step(
                step.id, judging.AND.join(details), self._step_mode(index, readers.values()), readers.values()
            )

    def _step_mode(self, index: int, readers: Iterable[Rule]) -> Mode:
        """Shadow for a step that nothing requires and that only shadow rules read, or only the policy that is tried."""
        step = self._step(index)
        if is_required(step, self.bound.policy.requires):
            return "enforce"
        modes = {rule.mode for rule in readers}
        only_tried = not modes and not self.bound.tried.isdisjoint(_declared_by(step))
        return "shadow" if modes == {"shadow"} or only_tried else "enforce"

    def _reads(self, rule: Rule, index: int) -> bool:
        declared = _declared_by(self._step(index))
        return any(condition.key in declared for condition in rule.conditions)

    def _undeclared(self) -> dict[Gate, list[str]]:
        """Signals that no step so far declares, by gate."""
        stray: dict[Gate, list[str]] = {}
        for gate, name in sorted(self.generation.signals.keys() - self._measured.keys()):
            stray.setdefault(gate, []).append(name)
        return stray

    def _digests(self, measuring: Iterable[int], rules: Iterable[Rule]) -> dict[str, str]:
        """What the answers depended on, of every step that measured for this decision."""
        read = {self._measured[c.key] for rule in rules for c in rule.conditions if c.key in self._measured}
        return {self._step(i).id: self._step(i).digest for i in sorted({*measuring, *read})}

    @property
    def _judge(self) -> Judge:
        return Judge(self.bound.policy.on_error, self.bound.mode == "shadow")

    @property
    def _measured(self) -> Mapping[SignalKey, int]:
        return self.bound.course.moments[self.run.last].measured

    @property
    def _ranges(self) -> Mapping[SignalKey, Range]:
        return self.bound.course.moments[self.run.last].ranges

    def _step(self, index: int) -> BoundStep:
        return self.bound.course.steps[index]


def _declared_by(step: BoundStep) -> dict[SignalKey, Range]:
    return {(step.stage.gate, name): limits for name, limits in step.emits.items()} if step.stage.gate else {}


def _leading(findings: Iterable[Finding], action: Action) -> Finding | None:
    """The finding that speaks for a decision: the gravest rule that applies, before a check that failed."""
    asking = [f for f in findings if f.mode == "enforce" and f.result != "pass" and f.action == action]
    return max(asking, key=lambda f: (f.result == "fail", SEVERITIES.index(f.severity)), default=None)


def _message(lead: Finding | None, action: Action) -> str:
    if lead is None:
        return ""
    return FAILED_CHECK[action] if lead.result == "error" else lead.message or MESSAGES[action]
