"""Cases: what a policy should decide, written beside it and run by `limner policy test`.

`policies/cases/NAME.yaml` holds the cases of `policies/NAME.yaml`:

    policy: standard
    pipeline: text-to-image              # whose steps measure; without it the first one that the policy suits
    cases:
      - {prompt: a black sword, expect: block, rule: weapons-in-prompt}
      - {prompt: a red circle, expect: allow}
      - name: a sword that only the picture shows
        signals: {image: {clip.sword: 0.7}}
        expect: block
        rule: swords-in-image
      - {prompt: a black sword, cohort: red-team, expect: allow}
      - {prompt: a red circle, fails: terms, expect: block, rule: "step:terms"}

A `prompt` is measured by the pipeline's own prompt filters. `signals`, by gate, are taken as recorded, in place of what would
be measured; what a case says nothing of is quiet (0). `fails` names steps, by id or type, that break. `expect` is the strictest
decision on the way, `rule` one or several that must apply on it, those in shadow mode included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from limner.errors import InvalidFile, StepError, UsageError
from limner.generation import Action, Caller, Decision, Gate, Generation, Request, Signal
from limner.policy.bind import strictest
from limner.policy.deciding import BoundPolicy
from limner.policy.rules import Policy
from limner.policy.walking import Measure, Measured, quiet, walk
from limner.yaml_problems import did_you_mean, pydantic_problems
from limner.yaml_source import Document, load_yaml

FOLDER = "cases"


def _as_names(value: Any) -> Any:  # what YAML holds, checked afterwards
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_names)]
Value = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Case(BaseModel):
    """One case. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    prompt: str | None = None
    signals: dict[Gate, dict[str, Value]] = {}
    fails: Names = ()
    cohort: str = "local"
    parameters: dict[str, Any] = {}  # JSON scalars, as a request sets them
    expect: Literal["allow", "review", "block"]
    rule: Names = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Case:
        if self.prompt is None and not self.signals and not self.fails:
            raise ValueError("needs a `prompt`, `signals` or `fails`: nothing else can be judged")
        if self.expect != "allow" and not self.rule:
            raise ValueError(f"names no `rule`; say which one asks for {self.expect}")
        return self

    @property
    def title(self) -> str:
        """The case in a few words."""
        return self.name or self.prompt or ", ".join(f"{n} {v}" for of in self.signals.values() for n, v in of.items())


class CaseFile(BaseModel):
    """The cases of one policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str
    pipeline: str | None = None
    cases: Annotated[list[Case], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case went. `complaints` is empty where it holds; `fired` are the rules that applied, `place` is `file:line`."""

    case: Case
    place: str
    action: Action
    fired: frozenset[str]
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseRun:
    """All verdicts on one policy's cases, and the ids of its rules that no case makes apply."""

    policy: str
    pipeline: str
    verdicts: tuple[Verdict, ...]
    uncovered: tuple[str, ...]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The cases that do not hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.complaints)


@dataclass(frozen=True, slots=True)
class Cases:
    """A case file, read."""

    form: CaseFile
    document: Document

    def test(self, bound: BoundPolicy, measure: Measure) -> CaseRun:
        """Run every case. `measure` runs a prompt filter. Raises InvalidFile for cases that speak of what is not there."""
        problems = [problem for index, case in enumerate(self.form.cases) for problem in self._unknown(index, case, bound)]
        if problems:
            raise InvalidFile(problems)
        verdicts = tuple(self._verdict(index, case, bound, measure) for index, case in enumerate(self.form.cases))
        fired = frozenset[str]().union(*(verdict.fired for verdict in verdicts))
        uncovered = tuple(rule.id for rule in bound.policy.rules if rule.id not in fired)
        return CaseRun(bound.policy.name, bound.course.pipeline, verdicts, uncovered)

    def _verdict(self, index: int, case: Case, bound: BoundPolicy, measure: Measure) -> Verdict:
        decisions = list(walk(bound, _request(case, bound), _answers(case, measure)))
        action, fired = strictest(decisions), frozenset(_fired(decisions))
        complaints = [] if action == case.expect else [f"expected {case.expect}, decided {action} ({_asking(decisions)})"]
        complaints += [f"rule {rule} did not apply" for rule in case.rule if rule not in fired]
        line = self.document.place(("cases", index)).line
        return Verdict(case, f"{self.document.file}:{line}", action, fired, tuple(complaints))

    def _unknown(self, index: int, case: Case, bound: BoundPolicy) -> Iterator[Any]:  # Problems
        rules = {rule.id for rule in bound.policy.rules}
        steps = {name for step in bound.course.steps for name in (step.id, step.type)}
        for rule in case.rule:
            if rule not in rules and not rule.startswith(("step:", "signal:")):
                what = f"policy {bound.policy.name} has no rule {rule!r}"
                yield self.document.problem(("cases", index, "rule"), what, did_you_mean(rule, rules))
        for step in case.fails:
            if step not in steps:
                what = f"pipeline {bound.course.pipeline} has no step {step!r}"
                yield self.document.problem(("cases", index, "fails"), what, did_you_mean(step, steps))
        for gate, signals in case.signals.items():
            known = {name for step in bound.course.steps if step.stage.gate == gate for name in step.emits}
            for name in signals.keys() - known:
                what = f"no step of pipeline {bound.course.pipeline} measures {name} at the gate {gate}"
                yield self.document.problem(("cases", index, "signals", gate, name), what, did_you_mean(name, known))


def case_files(folders: Iterable[Path], registered: Mapping[str, str]) -> dict[str, Path]:
    """The case files that there are, by policy: in the `cases` folder of each folder of policies."""
    places = [("", folder) for folder in folders] + [(f"{name}/", Path(folder)) for name, folder in registered.items()]
    return {prefix + path.stem: path for prefix, folder in places for path in sorted((folder / FOLDER).glob("*.yaml"))}


def load_cases(path: Path, policies: Collection[str]) -> Cases:
    """Read a case file; `policies` are the names of all that there are. Raises InvalidFile with all its mistakes."""
    document = load_yaml(path)
    try:
        form = CaseFile.model_validate(document.value)
    except ValidationError as error:
        raise InvalidFile(pydantic_problems(error, document, model=CaseFile)) from None
    if form.policy.rpartition("/")[2] != path.stem:
        what = f"is {form.policy!r} in {path.name}"
        raise InvalidFile([document.problem(("policy",), what, f"write `policy: {path.stem}`, or rename the file")])
    if form.policy not in {name.rpartition("/")[2] for name in policies} | set(policies):
        what = f"there is no policy {form.policy!r}"
        raise InvalidFile([document.problem(("policy",), what, did_you_mean(form.policy, policies))])
    return Cases(form, document)


def _request(case: Case, bound: BoundPolicy) -> Request:
    caller = Caller("case", case.cohort)
    return Request("case", "generate", bound.course.pipeline, case.prompt or "", caller, parameters=case.parameters)


def _answers(case: Case, measure: Measure) -> Measure:
    """What each measuring step says in a case."""

    def answer(step: Any, generation: Generation) -> Measured:  # a BoundStep
        if {step.id, step.type} & set(case.fails):
            return StepError("failed, as the case says")
        told = case.signals.get(step.stage.gate, {})
        values = {**quiet(step), **{name: value for name, value in told.items() if name in step.emits}}
        if step.stage.gate != "prompt" or case.prompt is None:
            return [Signal(name, value) for name, value in values.items()]
        measured = measure(step, generation)
        if isinstance(measured, StepError):
            return measured
        return [Signal(s.name, told.get(s.name, s.value), s.evidence) for s in measured]

    return answer


def _fired(decisions: Sequence[Decision]) -> Iterator[str]:
    return (f.rule for decision in decisions for f in decision.findings if f.result != "pass")


def _asking(decisions: Sequence[Decision]) -> str:
    rules = [rule for decision in decisions for rule in decision.rules]
    return ", ".join(rules) or "no rule applied"


def first_suited(policy: Policy, bound: Mapping[str, BoundPolicy], wanted: str | None) -> BoundPolicy:
    """The pipeline to test on: the one wanted, else the first. Raises UsageError where the policy suits none."""
    if wanted is not None and wanted in bound:
        return bound[wanted]
    if wanted is None and bound:
        return next(iter(bound.values()))
    what = f"policy {policy.name} does not suit " + (f"pipeline {wanted!r}" if wanted else "any pipeline")
    raise UsageError(what, fix="see `limner policy lint` for why, and name another with `pipeline:` in the case file")
