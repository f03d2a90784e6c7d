"""Calibrating a concept: the pipeline's own step scores examples, and the scores propose a threshold for a rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from limner.app import App
from limner.bound import BoundStep
from limner.errors import StepError, UsageError
from limner.generation import Gate, Generation
from limner.images.inputs import load_input
from limner.pipeline import Pipeline
from limner.trials.projects import measurer
from limner.trials.roc import Roc
from limner.yaml_problems import did_you_mean

IMAGES = (".png", ".jpg", ".jpeg", ".webp")
TEXTS = (".txt",)


@dataclass(frozen=True, slots=True)
class Scorer:
    """The step of a pipeline that measures a signal."""

    pipeline: Pipeline
    step: BoundStep
    signal: str

    @property
    def gate(self) -> Gate:
        """The gate at which it is measured."""
        assert self.step.stage.gate is not None
        return self.step.stage.gate


def find_scorer(app: App, signal: str, gate: Gate, pipeline: str | None = None) -> Scorer:
    """Who measures a signal at a gate. Raises UsageError, with the near miss, where nobody does."""
    known: set[str] = set()
    for checked in app.pipelines.values():
        if pipeline in (None, checked.pipeline.name):
            for step in checked.pipeline.steps:
                if step.stage.gate == gate:
                    known |= step.emits.keys()
                    if signal in step.emits:
                        return Scorer(checked.pipeline, step, signal)
    raise UsageError(f"no step measures {signal!r} at the gate {gate}", fix=did_you_mean(signal, known))


def scores(app: App, scorer: Scorer, folder: Path) -> list[float]:
    """The signal of each example in a folder: its image files, or the lines of its text files for a signal about prompts.

    Raises UsageError where an example cannot be read, StepError where it cannot be measured.
    """
    measure = measurer(app, scorer.pipeline)
    found = []
    for example in _examples(folder, scorer.gate):
        answer = measure(scorer.step, example)
        if isinstance(answer, StepError):
            raise answer
        found += [signal.value for signal in answer if signal.name == scorer.signal]
    return found


def calibrate(app: App, scorer: Scorer, positives: Path, negatives: Path) -> Roc:
    """The characteristic of a signal over examples of both kinds."""
    return Roc.of(scores(app, scorer, positives), scores(app, scorer, negatives))


def _examples(folder: Path, gate: Gate) -> Iterator[Generation]:
    if gate not in ("image", "prompt"):
        raise UsageError(f"examples cannot be given at the gate {gate}", fix="use --at image or --at prompt")
    if not folder.is_dir():
        raise UsageError("is not a folder", where=str(folder))
    for path in sorted(folder.iterdir()):
        if gate == "image" and path.suffix.lower() in IMAGES:
            yield Generation(f"calibrate-{path.stem}", 0, 0, "", image=load_input("image", path).image)
        elif gate == "prompt" and path.suffix.lower() in TEXTS:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            yield from (Generation("calibrate", i, 0, line, raw_prompt=line) for i, line in enumerate(lines) if line.strip())
