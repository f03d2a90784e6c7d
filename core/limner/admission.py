"""Admission: whether a request may run, and what is pinned for it from then on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from limner.errors import UsageError
from limner.generation import Caller, Request
from limner.images.inputs import check_inputs
from limner.pipeline import Pipeline, Settled
from limner.policy import BoundPolicy
from limner.settings import LONGEST_PROMPT
from limner.yaml_problems import did_you_mean

MOST_IMAGES = 10  # of one request, as in the image APIs people know
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # control characters, halves of pairs


@dataclass(frozen=True, slots=True)
class Checked:
    """A pipeline that holds under its policies: `policy` is enforced, `shadow` is judged and recorded beside it.

    `cohorts` are the policies enforced instead for callers of some cohorts.
    """

    pipeline: Pipeline
    policy: BoundPolicy
    shadow: BoundPolicy | None = None
    cohorts: Mapping[str, BoundPolicy] = field(default_factory=dict)

    @property
    def masked(self) -> bool:
        """Whether its requests bring a mask: where a step reads one."""
        return any("mask" in step.reads for step in self.pipeline.steps)

    @property
    def takes_words(self) -> bool:
        """Whether a step that makes the image reads the prompt."""
        return any("prompt" in step.reads and not step.measures for step in self.pipeline.steps)

    def policies_for(self, caller: Caller) -> tuple[BoundPolicy, ...]:
        """The policies that a caller is judged under, the enforced one first: the cohort's, else the pipeline's."""
        enforced = self.cohorts.get(caller.cohort, self.policy)
        return (enforced,) if self.shadow is None else (enforced, self.shadow)


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
        return self.checked.policies_for(self.request.caller)


def admit(request: Request, pipelines: Mapping[str, Checked], longest_prompt: int = LONGEST_PROMPT) -> Admitted:
    """Pin pipeline, policies and parameters. Raises UsageError, naming what is wrong, for a request that cannot run."""
    check_text("the prompt", request.prompt, longest_prompt)
    check_text("the negative prompt", request.negative_prompt, longest_prompt)
    checked = pipelines.get(request.pipeline)
    if checked is None:
        raise UsageError(f"no pipeline {request.pipeline!r}", fix=did_you_mean(request.pipeline, pipelines))
    if checked.pipeline.task != request.task:
        raise UsageError(f"pipeline {request.pipeline!r} is for the task {checked.pipeline.task}, not {request.task}")
    if request.task == "generate" and checked.takes_words and not request.prompt.strip():
        raise UsageError("the prompt is empty", fix="say what the image shows")
    if not 1 <= request.n <= MOST_IMAGES:
        raise UsageError(f"{request.n} images asked for", fix=f"ask for 1 to {MOST_IMAGES}")
    check_inputs(request.task, request.inputs, masked=checked.masked)
    settled = checked.pipeline.settle(request.parameters)
    # A policy must see what will be used: the text "4" where a number was meant would be no 4 to a rule, and a default nothing.
    return Admitted(replace(request, parameters=settled.values), checked, settled)


def check_text(called: str, text: str, longest: int) -> None:
    """Refuse a text that is too long to be looked over, or that is no text: steps and models would each choke on it.

    Marks, joiners and changes of direction are text: they are measured. Raises UsageError.
    """
    if len(text) > longest:
        raise UsageError(f"{called} has {len(text)} characters", fix=f"at most {longest} are taken (LIMNER_LONGEST_PROMPT)")
    if found := NO_TEXT.search(text):
        what = f"{called} holds U+{ord(found[0]):04X} at character {found.start() + 1}, which is no text"
        raise UsageError(what, fix="remove it")
