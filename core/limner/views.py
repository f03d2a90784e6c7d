"""What life-cycle hooks get to see of a request's life: never prompts, pixels or embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from limner.generation import Action, Decision, Gate, Generation, Request, Task


@dataclass(frozen=True, slots=True)
class RequestView:
    """What life-cycle hooks may know of a request."""

    request_id: str
    task: Task
    pipeline: str
    n: int
    subject: str
    cohort: str

    @classmethod
    def of(cls, request: Request) -> RequestView:
        """The view of a request."""
        caller = request.caller
        return cls(request.id, request.task, request.pipeline, request.n, caller.subject, caller.cohort)


@dataclass(frozen=True, slots=True)
class StepView:
    """What life-cycle hooks may know of a step's run. `error` is an error's kind alone, for its text may quote anything."""

    request_id: str
    index: int
    pipeline: str
    step: str
    type: str
    seconds: float = 0.0
    device: str = ""
    batch: int = 1
    error: str = ""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What life-cycle hooks may know of a decision."""

    request_id: str
    index: int
    gate: Gate
    action: Action
    rules: tuple[str, ...]
    policy: str
    revision: str

    @classmethod
    def of(cls, generation: Generation, decision: Decision) -> DecisionView:
        """The view of a decision about a generation."""
        judged = decision.gate, decision.action, decision.rules
        return cls(generation.request_id, generation.index, *judged, decision.policy, decision.revision)


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """What life-cycle hooks may know of a released image. `mark_id` is the mark that it carries, None where it carries none."""

    request_id: str
    index: int
    sha256: str
    pixels_sha256: str
    mark_id: int | None
