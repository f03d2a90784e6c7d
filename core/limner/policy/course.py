"""A pipeline's course as a policy sees it, and the complaints a policy can have of it.

Several rules and requirements often want the same step elsewhere: that is one mistake, told once, with all who want it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from limner.bound import BoundStep
from limner.errors import Problem
from limner.generation import Gate, Task
from limner.policy.rules import SignalKey
from limner.policy.timeline import Moment, Run, changes, drops, given, moments, runs


@dataclass(frozen=True, slots=True)
class Course:
    """The steps of one pipeline with what there is to judge after each of them."""

    pipeline: str
    file: str
    steps: tuple[BoundStep, ...]
    given: frozenset[Gate]
    moments: tuple[Moment, ...]
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, pipeline: str, file: str, task: Task, steps: Sequence[BoundStep]) -> Course:
        """The course of a pipeline's steps in a request of this task."""
        return cls(pipeline, file, tuple(steps), given(task, steps), moments(steps, given(task, steps)), tuple(runs(steps)))

    def values_before(self, index: int) -> frozenset[Gate]:
        """The gates whose value exists when step `index` begins."""
        return self.moments[index - 1].values if index else self.given

    def measured_before(self, index: int) -> frozenset[SignalKey]:
        """The signals that are true when step `index` begins."""
        return frozenset(self.moments[index - 1].measured) if index else frozenset()

    def ever_exists(self, gate: Gate) -> bool:
        """Whether the pipeline ever has the gate's value."""
        return gate in self.given or any(gate in moment.values for moment in self.moments)

    def measurers(self, key: SignalKey) -> tuple[int, ...]:
        """The indexes of all steps that measure a signal."""
        gate, name = key
        return tuple(i for i, step in enumerate(self.steps) if step.stage.gate == gate and name in step.emits)

    def last_change(self, gate: Gate) -> int | None:
        """The index of the last step that changes what is judged at the gate; None where no step does."""
        return max((i for i, step in enumerate(self.steps) if gate in changes(step)), default=None)

    def stale_by(self, gate: Gate, after: int, before: int) -> int | None:
        """The last step between two that changes the gate's value, else the last that drops its signals.

        What is measured after the change stands before the marks that follow it, and a mark drops it without making it stale.
        """
        between = range(after + 1, before)
        dropping = max((i for i in between if gate in drops(self.steps[i])), default=None)
        return max((i for i in between if gate in changes(self.steps[i])), default=dropping)

    def problem(self, index: int, what: str, fix: str, *shows_in: str) -> Problem:
        """A mistake at step `index` of the pipeline's file; at the pipeline where it has no steps."""
        if index >= len(self.steps):
            return Problem(self.file, 0, 0, f"pipelines.{self.pipeline}", what, fix, shows_in)
        step = self.steps[index]
        return Problem(self.file, step.line, step.column, f"pipelines.{self.pipeline}.steps[{index}]", what, fix, shows_in)


@dataclass(slots=True)
class Complaints:
    """What a policy finds wrong with a pipeline."""

    course: Course
    policy: str
    missing: set[str] = field(default_factory=set)  # required step types whose absence is told
    _misplaced: dict[tuple[int, str, str], list[str]] = field(default_factory=dict)
    _others: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Note a mistake."""
        self._others.append(problem)

    def before_change(self, step: int, change: int, wanted_by: str) -> None:
        """Step `step` has done its work when step `change` makes it stale."""
        mover, changer = self.course.steps[step], self.course.steps[change]
        what = f"`{mover.id}` {_work(mover)} before `{changer.id}` {_work(changer)}"
        self._note(step, what, f"move `{mover.id}` to after `{changer.id}`, or add another one there", wanted_by)

    def after_image(self, step: int, maker: int, wanted_by: str) -> None:
        """Step `step` measures when step `maker` has already made the image of what it measures."""
        mover, making = self.course.steps[step], self.course.steps[maker]
        what = f"`{mover.id}` {_work(mover)} only after `{making.id}` has made the image"
        self._note(step, what, f"move `{mover.id}` to before `{making.id}`", wanted_by)

    def _note(self, step: int, what: str, fix: str, wanted_by: str) -> None:
        names = self._misplaced.setdefault((step, what, fix), [])
        if wanted_by not in names:
            names.append(wanted_by)

    def problems(self) -> Iterator[Problem]:
        """All mistakes, each once."""
        for (step, what, fix), names in self._misplaced.items():
            yield self.course.problem(step, what, fix, f"policy {self.policy}: {', '.join(names)}")
        yield from dict.fromkeys(self._others)


def _work(step: BoundStep) -> str:
    """What a step does, in words."""
    if step.stage.gate is not None:
        return f"measures the {step.stage.gate}"
    if step.stage.name in ("watermark", "attest"):
        return "marks the image" if step.stage.name == "watermark" else "attests the image"
    changed = next((value for value in ("prompt", "embedding", "image") if value in step.writes), "generation")
    return f"changes the {changed}"
