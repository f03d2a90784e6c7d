"""What there is to judge after each step of a pipeline: which values exist, and which signals about them are still true.

Steps run in their order, so all of this is known before anything runs. It follows `Generation` to the letter: a new prompt
drops the embedding and every signal, a new embedding or image drops the signals about the old one.

A mark changes pixels too, so signals measured before it are dropped, but it does not make a new image: what was judged stays
judged. So two questions are told apart: whose signals a step drops (`drops`), and whose value it changes (`changes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from limner.bound import BoundStep
from limner.generation import GATES, Gate, Task
from limner.policy.rules import SignalKey
from limner.step import Range

EVERY_GATE: frozenset[Gate] = frozenset(GATES)


@dataclass(frozen=True, slots=True)
class Moment:
    """After one step: the gates whose value exists, and of each signal that is still true the step and the declared range."""

    values: frozenset[Gate]
    measured: Mapping[SignalKey, int]  # to the index of the step
    ranges: Mapping[SignalKey, Range]


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive measuring steps, from `first` to `last`: what they measure is judged together, after the last."""

    first: int
    last: int

    def __contains__(self, index: int) -> bool:
        return self.first <= index <= self.last


def drops(step: BoundStep) -> frozenset[Gate]:
    """The gates whose signals are dropped when the step has run."""
    if "prompt" in step.writes:
        return EVERY_GATE
    return frozenset(gate for gate in EVERY_GATE if gate in step.writes)


def changes(step: BoundStep) -> frozenset[Gate]:
    """The gates at which there is something new to judge when the step has run: as `drops`, but for marks."""
    return frozenset() if step.stage.name == "watermark" else drops(step)


def makes_image(step: BoundStep) -> bool:
    """Whether the step makes an image or changes it, marks apart."""
    return "image" in step.writes and step.stage.name != "watermark"


def given(task: Task, steps: Sequence[BoundStep]) -> frozenset[Gate]:
    """The gates whose value a request brings: as its task says, and whatever some step reads of the kind."""
    read = frozenset[str]().union(*(step.reads for step in steps))
    has_prompt = task in ("generate", "edit") or "prompt" in read
    has_upload = task != "generate" or not read.isdisjoint(("upload", "mask"))
    brought: tuple[tuple[Gate, bool], ...] = (("prompt", has_prompt), ("upload", has_upload))
    return frozenset(gate for gate, is_there in brought if is_there)


def moments(steps: Sequence[BoundStep], values: frozenset[Gate]) -> tuple[Moment, ...]:
    """The moment after each step, where `values` are there at the beginning."""
    measured: dict[SignalKey, int] = {}
    told = []
    for index, step in enumerate(steps):
        gone = drops(step)
        measured = {key: measurer for key, measurer in measured.items() if key[0] not in gone}
        if step.stage.gate is not None:
            measured |= {(step.stage.gate, name): index for name in step.emits}
        values = values - {"embedding"} if "prompt" in step.writes else values
        values = values | {gate for gate in EVERY_GATE if gate in step.writes}
        ranges = {key: steps[measurer].emits[key[1]] for key, measurer in measured.items()}
        told.append(Moment(values, measured, ranges))
    return tuple(told)


def runs(steps: Sequence[BoundStep]) -> Iterator[Run]:
    """The longest runs of consecutive measuring steps."""
    first = None
    for index, step in enumerate(steps):
        if not step.measures:
            first = None
            continue
        first = index if first is None else first
        if index + 1 == len(steps) or not steps[index + 1].measures:
            yield Run(first, index)
