"""Steps as written in YAML → BoundSteps: the type looked up, the options validated, what the step declares asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from limner.bound import BoundStep
from limner.errors import InvalidFile
from limner.hookspecs import Stage
from limner.pipeline.config import StepEntry
from limner.pipeline.option_values import model_references
from limner.pipeline.reading import Reading, StepClass
from limner.plugins.declarations import declared_digest, declared_signals, declared_values
from limner.step import Options, Range
from limner.yaml_problems import Problems
from limner.yaml_source import KeyPath


def bind_steps(reading: Reading, path: KeyPath, problems: Problems) -> tuple[BoundStep, ...]:
    """The steps of the list at `path` that hold, in order; what is wrong with the others goes to `problems`."""
    written = reading.raw(path)
    bound: list[BoundStep] = []
    lines: dict[str, int] = {}
    occurrences: Counter[str] = Counter()
    for index in range(len(written) if isinstance(written, list) else 0):
        with problems.collecting():
            step = _bind(reading, (*path, index), occurrences)
            _check_id(reading, (*path, index), step, lines)
            bound.append(step)
    return tuple(bound)


def _bind(reading: Reading, path: KeyPath, occurrences: Counter[str]) -> BoundStep:
    entry = _entry(reading, path)
    with reading.faults_at((*path, "use"), entry.use):
        cls = reading.catalogue.step(entry.use)
        stage = reading.catalogue.stage_of(cls)
    options = _options(reading, path, cls, entry)
    _check_models(reading, path, options)
    occurrence = occurrences[cls.type]
    occurrences[cls.type] += 1
    with reading.faults_at(path, entry.use, cls.__module__):
        place = reading.document.place(path)
        return BoundStep(
            id=entry.id,
            type=cls.type,
            cls=cls,
            stage=stage,
            options=options,
            raw_options=entry.options,
            occurrence=occurrence,
            reads=_or(declared_values(cls, "reads", options), stage.needs),
            writes=_or(declared_values(cls, "writes", options), stage.writes),
            emits=_emits(reading, path, cls, stage, options),
            digest=declared_digest(cls, options, reading.models) if stage.gate is not None else "",
            deadline=entry.deadline,
            line=place.line,
            column=place.column,
        )


def _entry(reading: Reading, path: KeyPath) -> StepEntry:
    written = reading.raw(path)
    if isinstance(written, str):
        raise reading.refusal(path, "a step should be a mapping", f"write `- use: {written}`")
    return reading.parse(StepEntry, path)


def _check_id(reading: Reading, path: KeyPath, step: BoundStep, lines: dict[str, int]) -> None:
    if step.id in lines:
        what = f"a second step is called {step.id}; the first is on line {lines[step.id]}"
        raise reading.refusal(path, what, "give one of them a name of its own with `as:`")
    lines[step.id] = step.line


def _options(reading: Reading, path: KeyPath, cls: StepClass, entry: StepEntry) -> Options:
    with reading.faults_at((*path, "with"), f"Options of {entry.use}", cls.__module__):
        return reading.validate(cls.Options, (*path, "with"), entry.options)


def _check_models(reading: Reading, path: KeyPath, options: Options) -> None:
    """Every model that the options name must be there; its digest is part of the pipeline's hash."""
    problems = Problems()
    for key, model in model_references(options):
        if model in reading.broken_models:
            raise InvalidFile([])  # told at the declaration; the step does not hold either
        at = (*path, "with", *key)
        with problems.collecting(), reading.faults_at(at, f"model {model}"):
            reading.models.digest(model)
    problems.raise_found()


def _or(declared: frozenset[str] | None, usual: frozenset[str]) -> frozenset[str]:
    return usual if declared is None else declared


def _emits(reading: Reading, path: KeyPath, cls: StepClass, stage: Stage, options: Options) -> Mapping[str, Range]:
    if stage.gate is None:
        return {}
    emitted = declared_signals(cls, options, reading.models)
    if not emitted:
        raise reading.refusal(path, "measures nothing: it declares no signal", f"{cls.type} must name its signals in `emits`")
    return emitted
