"""Tiny steps, bound by hand, and a driver that takes a generation through them as the orchestrator does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from limner.bound import BoundStep
from limner.errors import InvalidFile, StepError
from limner.generation import Caller, Decision, Embedding, Generation, Image, Request, Signal
from limner.hookspecs import STAGES
from limner.policy import BoundPolicy, Policy, bind, load_policies
from limner.step import Options, Range, Step


def make_step(stage: str, id: str, *signals: str, type: str = "", limits: Range | None = None, reads: str = "") -> BoundStep:
    """A step of a stage, on a line of its own, that measures `signals`."""
    kind = STAGES[stage]
    return BoundStep(
        id=id,
        type=type or id,
        cls=Step,
        stage=kind,
        options=Options(),
        raw_options={},
        occurrence=0,
        reads=frozenset(reads.split()) or kind.needs,
        writes=kind.writes,
        emits={name: limits or Range(0.0, 1.0) for name in signals},
        digest=f"digest of {id}" if kind.gate else "",
        line=100 + sum(map(ord, id)),
        column=7,
    )


@dataclass
class Course:
    """Takes a generation through steps. `measured` is by step id, 0 for what is not told; `errors` are the steps that fail."""

    bound: BoundPolicy
    steps: Sequence[BoundStep]
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Mapping[str, StepError] = field(default_factory=dict)
    request: Request = field(
        default_factory=lambda: Request("r", "generate", "text-to-image", "a sword", Caller("local:ann", "local"))
    )

    def run(self) -> list[Decision]:
        """Every decision on the way, whatever it is."""
        return [decision for _, decisions in self.walk() for decision in decisions]

    def walk(self) -> list[tuple[str, tuple[Decision, ...]]]:
        """The decisions after each step."""
        generation = Generation("r", 0, 0, self.request.prompt)
        told = []
        for index, step in enumerate(self.steps):
            error = self.errors.get(step.id)
            if error is None:
                generation = self._next(step, generation)
            told.append((step.id, self.bound.judge(index, generation, self.request, error)))
        return told

    def _next(self, step: BoundStep, generation: Generation) -> Generation:
        if step.stage.gate is not None:
            given = {**dict.fromkeys(step.emits, 0.0), **self.measured.get(step.id, {})}
            signals = tuple(Signal(name, value) for name, value in given.items() if value is not None)
            return generation.with_signals(step.stage.gate, signals)
        if "prompt" in step.writes:
            return generation.with_prompt(generation.prompt + "!", step.id)
        if "embedding" in step.writes:
            return generation.with_embedding(Embedding(torch.zeros(2), "tiny"))
        if "image" in step.writes:
            return generation.with_image(Image(PIL.Image.new("RGB", (2, 2))))
        return replace(generation)


@pytest.fixture
def step() -> Callable[..., BoundStep]:
    return make_step


@pytest.fixture
def course() -> type[Course]:
    return Course


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Policy]:
    """A policy from the YAML that follows `policy: p`."""

    def load(text: str) -> Policy:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        (folder / "p.yaml").write_text(f"policy: p\n{text}", encoding="utf-8")
        return load_policies([folder])["p"]

    return load


@pytest.fixture
def run(policy: Callable[[str], Policy]) -> Callable[..., list[Decision]]:
    """The decisions of a policy over steps that measure what is told."""

    def decide(text: str, steps: Sequence[BoundStep], **given: Any) -> list[Decision]:
        return Course(bind(policy(text), steps, pipeline="t", file="pipelines.yaml"), steps, **given).run()

    return decide


@pytest.fixture
def refused(policy: Callable[[str], Policy]) -> Callable[..., str]:
    """What `bind` says against a policy over steps that do not suit it."""

    def say(text: str, steps: Sequence[BoundStep], **given: Any) -> str:
        with pytest.raises(InvalidFile) as caught:
            bind(policy(text), steps, pipeline="t", file="pipelines.yaml", **given)
        return str(caught.value)

    return say
