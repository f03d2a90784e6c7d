"""A plugin for tests with a measuring step at each gate, which does its work, or fails in a way that its options name.

Every measurement that a guard really gave is kept in `journal`, so that a test can tell from outside what was looked at.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Event
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import house

import limner

FAULTS = ("raises", "hangs", "nothing", "nan", "wrong type", "too few", "late", "kills its thread")
SLOW = ("hangs", "late")


class Look(NamedTuple):
    """One measurement: the hash of what was looked at, and the signal's value."""

    seen: str
    value: float


class Journal:
    """What the guards saw, by gate and generation.

    `go_on` lets those return that hang; those that are late return once their generation's step has been given up.
    """

    def __init__(self) -> None:
        self.looks: defaultdict[tuple[str, str], list[Look]] = defaultdict(list)
        self.go_on = Event()
        self.given_up: defaultdict[str, Event] = defaultdict(Event)  # by generation
        self.judged: defaultdict[str, Event] = defaultdict(Event)  # by generation: its image gate has decided something


def seen(generation: limner.Generation, gate: str) -> str:
    """The hash of a gate's value."""
    if gate == "image":
        assert generation.image is not None
        return generation.image.sha256()
    value: Any = generation.prompt
    if gate == "upload":
        value = [given.sha256 for given in generation.inputs]
    if gate == "embedding" and generation.embedding is not None:
        value = generation.embedding.vector.tolist()
    return hashlib.sha256(repr(value).encode()).hexdigest()


class GuardOptions(limner.Options):
    fault: str = ""


class Guard(limner.Step):
    """Measures `guard.<gate>`: 1 where the prompt names the gate, else 0."""

    Options = GuardOptions
    gate: ClassVar[str]
    journal: ClassVar[Journal]

    @classmethod
    def emits(cls, options: Any, models: Any) -> Mapping[str, limner.Range]:
        return {f"guard.{cls.gate}": limner.Range()}

    def look(self, generations: Sequence[limner.Generation]) -> Any:
        fault = self.options.fault
        if fault == "raises":
            raise RuntimeError("out of order")
        if fault == "kills its thread":
            raise SystemExit(1)
        if fault == "hangs":
            self.journal.go_on.wait(30)
        if fault == "late":
            for generation in generations:
                self.journal.given_up[generation.id].wait(30)
        if fault == "nothing":
            return None
        if fault == "too few":
            return [self.signals(generation) for generation in generations[1:]]
        if fault == "wrong type":
            return ["fine" for _ in generations]
        if fault == "nan":
            return [[limner.Signal(f"guard.{self.gate}", math.nan)] for _ in generations]
        return [self.signals(generation) for generation in generations]

    def signals(self, generation: limner.Generation) -> list[limner.Signal]:
        value = float(f"no-{self.gate}" in generation.prompt)
        self.journal.looks[self.gate, generation.id].append(Look(seen(generation, self.gate), value))
        return [limner.Signal(f"guard.{self.gate}", value)]


class Prior(limner.Step):
    type: ClassVar[str] = "guard.prior"

    @limner.hookimpl
    def sample_prior(self, generations: Sequence[limner.Generation]) -> list[limner.Embedding]:
        import torch

        return [limner.Embedding(torch.full((2,), float(len(g.prompt))), "tiny") for g in generations]


class Encode(limner.Step):
    type: ClassVar[str] = "guard.encode"

    @limner.hookimpl
    def encode_image(self, generations: Sequence[limner.Generation]) -> list[limner.Embedding]:
        import torch

        return [limner.Embedding(torch.zeros(2), "tiny") for _ in generations]


class Slow(limner.IterativeStep):
    """Draws noise in three advances. Once a preview was asked for, the next advance waits until that has been judged."""

    type: ClassVar[str] = "guard.draw"
    runs_on: ClassVar[Any] = "accelerator"
    journal: ClassVar[Journal]

    @classmethod
    def reads(cls, options: Any) -> frozenset[str]:
        return frozenset({"prompt"})

    @limner.hookimpl
    def decode(self, generations: Sequence[limner.Generation]) -> list[Any]:
        return self.run(generations)

    def begin(self, generation: limner.Generation) -> Any:
        import torch

        return _Canvas(torch.rand(3, 16, 16, generator=self.generator(generation)), generation.id)

    def advance(self, states: Sequence[Any]) -> Sequence[Any]:
        for state in states:
            if state.is_shown:
                self.journal.judged[state.id].wait(10)
            state.pixels = state.pixels * 0.9
        return states

    def preview(self, state: Any) -> limner.Image:
        state.is_shown = True
        return limner.Image(state.pixels)

    def finish(self, state: Any) -> limner.Image:
        return limner.Image(state.pixels)


class _Canvas:
    steps = 3

    def __init__(self, pixels: Any, id: str) -> None:
        self.pixels, self.id, self.is_shown = pixels, id, False


class Flip(limner.Step):
    """Changes the image."""

    type: ClassVar[str] = "guard.flip"

    @limner.hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        return [limner.Image(g.image.tensor().flip(2)) for g in generations if g.image is not None]


def plugin() -> tuple[ModuleType, Journal]:
    """The plugin with guards of its own journal."""
    kept = Journal()

    def guard(at: str, stage: str) -> type[Guard]:
        def measure(self: Guard, generations: Sequence[limner.Generation]) -> Any:
            return self.look(generations)

        return type(
            f"Guard_{at}", (Guard,), {"type": f"guard.{at}", "gate": at, "journal": kept, stage: limner.hookimpl(measure)}
        )

    guards = [
        guard("prompt", "filter_prompt"),
        guard("upload", "filter_upload"),
        guard("embedding", "classify_embedding"),
        guard("image", "classify_image"),
    ]
    slow = type("Slow", (Slow,), {"journal": kept})
    module = ModuleType("guard")

    @limner.hookimpl
    def after_decision(decision: limner.DecisionView) -> None:
        if decision.gate == "image":
            kept.judged[f"{decision.request_id}/{decision.index}"].set()

    module.after_decision = after_decision  # type: ignore[attr-defined]
    module.register_steps = limner.hookimpl(lambda: [*guards, slow, Prior, Encode, Flip])  # type: ignore[attr-defined]

    @limner.hookimpl
    def on_step_error(step: limner.StepView) -> None:
        kept.given_up[f"{step.request_id}/{step.index}"].set()

    module.on_step_error = on_step_error  # type: ignore[attr-defined]
    return module, kept


def both() -> tuple[list[ModuleType], Journal]:
    """The toy plugin and this one."""
    module, kept = plugin()
    return [house.plugin(), module], kept
