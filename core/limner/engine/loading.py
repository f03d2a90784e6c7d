"""Building and loading steps: each worker has its own, so a step's code never runs on two threads at once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from limner.bound import StepRef
from limner.engine.collection import uncollected
from limner.engine.devices import Placement
from limner.engine.failure import place
from limner.engine.interface import StepRun
from limner.engine.results import next_generation
from limner.engine.submission import StepKey, Submission
from limner.errors import Cancelled, LimnerError, ModelError, StepError
from limner.generation import Generation, Signal
from limner.hookspecs import Stage
from limner.plugins.cause import line_of
from limner.plugins.declarations import declared_signals
from limner.stage_call import StageCall, stage_call, stage_of
from limner.step import KeyRings, ModelIndex, Models, Options, Range, Step

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Outcome = tuple[Generation, tuple[Signal, ...]] | StepError


class UnboundModels(ModelIndex, Protocol):
    """The models of a deployment, as `limner.models.ModelStore` has them, before a worker binds them to its device."""

    def bind(self, device: torch.device, dtype: torch.dtype) -> Models:
        """The models for one device and precision; their components are shared by all who load them."""


@dataclass(slots=True, eq=False)
class LoadedStep:
    """A step that is ready to be called on its worker. `serving` is who the present call is for."""

    step: Step
    stage: Stage
    call: StageCall
    emits: Mapping[str, Range]
    placement: Placement
    serving: Sequence[Submission] = ()

    def check(self, submission: Submission, answer: object) -> Outcome:
        """The next generation and the signals from an answer, or what is wrong with it."""
        try:
            return next_generation(submission.ref, self.stage, self.emits, submission.generation, answer)
        except StepError as error:
            return error

    def end(self, submission: Submission, outcome: Outcome, seconds: float, batch: int) -> None:
        """End a submission with the outcome of its check."""
        if isinstance(outcome, StepError):
            submission.fail(outcome)
            return
        generation, signals = outcome
        device, precision = str(self.placement.device), self.placement.precision
        submission.complete(StepRun(generation, signals, seconds, device, precision, batch))

    def report(self, generation: Generation, i: int, n: int) -> None:
        """What `Step.tick` calls. Raises Cancelled where nobody waits for this generation any more."""
        submission = next((serving for serving in self.serving if serving.id == generation.id), None)
        if submission is None:
            return
        if submission.cancelled or submission.over:
            raise Cancelled()
        submission.progress(i, n)


class LoadedSteps:
    """The steps that one worker has built and loaded. Weights are shared through the models, so a step costs little again."""

    def __init__(self, types: Mapping[str, type[Step]], models: UnboundModels, placement: Placement, keys: KeyRings) -> None:
        self._types, self._models, self._placement, self._keys = types, models, placement, keys
        self._loaded: dict[StepKey, LoadedStep] = {}

    def get(self, submission: Submission) -> LoadedStep:
        """The step this submission wants, built and loaded if it is not yet. Raises ModelError, or what else was wrong."""
        loaded = self._loaded.get(submission.key)
        if loaded is None:
            loaded = self._loaded[submission.key] = self._load(submission)
        return loaded

    def unload(self) -> None:
        """Let go of every step."""
        for loaded in self._loaded.values():
            try:
                loaded.step.unload()
            except BaseException:
                logger.exception("%s raised when it was unloaded", loaded.step.id)
        self._loaded.clear()

    def _load(self, submission: Submission) -> LoadedStep:
        import torch

        ref = submission.ref
        cls = self._types[ref.type]
        try:
            with torch.inference_mode(False), uncollected():  # weights are ordinary tensors
                return self._build(submission)
        except LimnerError as error:
            error.where = error.where or place(ref)
            raise
        except BaseException as error:  # whatever a plugin raises is its failure and not this thread's end
            where = ", ".join(part for part in (place(ref), line_of(error, cls.__module__)) if part)
            raise ModelError(f"could not be loaded: {type(error).__name__}: {error}", where=where) from error

    def _build(self, submission: Submission) -> LoadedStep:
        import torch

        ref, cls = submission.ref, self._types[submission.ref.type]
        options = cls.Options.model_validate(ref.options, context={"root": ref.root})
        self._check_digest(ref, options)
        step = cls(options, id=ref.id, occurrence=ref.occurrence)
        step.keys = self._keys
        stage = stage_of(cls)
        emits = declared_signals(cls, options, self._models) if stage.gate is not None else {}
        device, dtype = self._placement.device, self._placement.dtype
        with torch.no_grad():
            step.load(self._models.bind(device, dtype), device, dtype)
        loaded = LoadedStep(step, stage, stage_call(step), emits, self._placement)
        step.report = loaded.report
        return loaded

    def _check_digest(self, ref: StepRef, options: Options) -> None:
        """Decisions name the digest that the pipeline was loaded with: with other lists or weights they would lie."""
        if ref.digest and self._types[ref.type].digest(options, self._models) != ref.digest:
            what = "its lists, tables or weights have changed since its pipeline was loaded"
            raise ModelError(what, where=place(ref), fix="start Limner again")
