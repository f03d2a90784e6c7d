"""Admission: whether a request may run, and what is pinned for it from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from limner.errors import UsageError
from limner.generation import Request
from limner.images.inputs import check_inputs
from limner.pipeline import Pipeline, Settled
from limner.policy import BoundPolicy
from limner.yaml_problems import did_you_mean

MOST_IMAGES = 10  # of one request, as in the image APIs people know


@dataclass(frozen=True, slots=True)
class Checked:
    """A pipeline that holds under its policies: `policy` is enforced, `shadow` is judged and recorded beside it."""

    pipeline: Pipeline
    policy: BoundPolicy
    shadow: BoundPolicy | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request with all that is pinned for it. Its `parameters` are the effective values, as policies judge them."""

    request: Request
    checked: Checked
    settled: Settled

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline it runs through."""
        return self.checked.pipeline

    @property
    def policies(self) -> tuple[BoundPolicy, ...]:
        """The policies it is judged under, the enforced one first."""
        return (self.checked.policy,) if self.checked.shadow is None else (self.checked.policy, self.checked.shadow)


def admit(request: Request, pipelines: Mapping[str, Checked]) -> Admitted:
    """Pin pipeline, policies and parameters. Raises UsageError, naming what is wrong, for a request that cannot run."""
    checked = pipelines.get(request.pipeline)
    if checked is None:
        raise UsageError(f"no pipeline {request.pipeline!r}", fix=did_you_mean(request.pipeline, pipelines))
    if checked.pipeline.task != request.task:
        raise UsageError(f"pipeline {request.pipeline!r} is for the task {checked.pipeline.task}, not {request.task}")
    if not 1 <= request.n <= MOST_IMAGES:
        raise UsageError(f"{request.n} images asked for", fix=f"ask for 1 to {MOST_IMAGES}")
    check_inputs(request.task, request.inputs, masked=any("mask" in step.reads for step in checked.pipeline.steps))
    settled = checked.pipeline.settle(request.parameters)
    # A policy must see what will be used: the text "4" where a number was meant would be no 4 to a rule, and a default nothing.
    return Admitted(replace(request, parameters=settled.values), checked, settled)
