"""Taking a generation past the gates without making anything: what a policy says of given signals, step by step.

Cases, explanations and comparisons are judged so, by the very code that judges requests. A decision to block ends the walk, and
so does one to review before an image exists, as in the life of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from limner.bound import BoundStep
from limner.errors import StepError
from limner.generation import Decision, Generation, Request, Signal
from limner.policy.deciding import BoundPolicy
from limner.policy.judging import strictest
from limner.policy.timeline import drops

Measured = Sequence[Signal] | StepError
Measure = Callable[[BoundStep, Generation], Measured]


def walk(bound: BoundPolicy, request: Request, measure: Measure) -> Iterator[Decision]:
    """The decisions on the way of a request's first image, where each measuring step answers as `measure` says."""
    generation = Generation(request.id, 0, request.seed, request.prompt, request.task, raw_prompt=request.prompt)
    for index, step in enumerate(bound.course.steps):
        error = None
        if step.stage.gate is None:
            kept = {key: signal for key, signal in generation.signals.items() if key[0] not in drops(step)}
            generation = replace(generation, signals=kept)
        elif isinstance(answer := measure(step, generation), StepError):
            error = answer
        else:
            generation = generation.with_signals(step.stage.gate, tuple(answer))
        decisions = bound.judge(index, generation, request, error)
        yield from decisions
        action = strictest([finding for decision in decisions for finding in decision.findings])
        if action == "block" or (action == "review" and "image" not in bound.course.moments[index].values):
            return


def quiet(step: BoundStep) -> dict[str, float]:
    """What a measuring step says where it sees nothing: 0, or the end of a range that is nearest to it."""
    return {name: min(max(0.0, limits.low), limits.high) for name, limits in step.emits.items()}
