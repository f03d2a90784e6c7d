"""pipelines.yaml → checked Pipelines. What loads here holds together; only the policies' own demands are checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from limner.bound import BoundStep, StepRef
from limner.canonical import canonical, sha256_hex
from limner.errors import ConfigurationError, InvalidFile, Problem
from limner.generation import Task
from limner.models import ModelSource
from limner.pipeline.config import CohortEntry, FileEntry, ModelEntry, PipelineEntry
from limner.pipeline.dataflow import check_dataflow
from limner.pipeline.option_values import model_references
from limner.pipeline.parameter_checks import bind_parameters
from limner.pipeline.parameters import Parameter, Settled, settle
from limner.pipeline.policy_names import PolicyName, Unfinished, policy_names, unfinished
from limner.pipeline.reading import Reading, StepCatalogue
from limner.pipeline.steps import bind_steps
from limner.step import ModelIndex
from limner.yaml_problems import Problems, did_you_mean, pydantic_problems
from limner.yaml_source import Document, Place, load_yaml


@dataclass(frozen=True, slots=True)
class CohortPolicy:
    """The policy that a pipeline has for one cohort; `reason` says why it may be weaker than the pipeline's own.

    `place` is where the file names it.
    """

    name: str
    policy: str
    loosens: bool
    reason: str
    place: Place

    def as_json(self) -> dict[str, Any]:
        """The entry as it is hashed."""
        return {"policy": self.policy, "loosens": self.loosens, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A checked pipeline. `canonical` is its canonical text, options, assets and models included; `hash` the SHA-256 of that.

    `cohorts` are the policies that stand in place of `policy` for callers of some cohorts.

    `root` is the folder that assets are relative to; `file` and `line` are where the pipeline is declared.
    """

    name: str
    task: Task
    policy: str
    shadow_policy: str | None
    parameters: Mapping[str, Parameter]
    steps: tuple[BoundStep, ...]
    hash: str
    canonical: bytes
    root: Path
    file: str
    line: int
    cohorts: Mapping[str, CohortPolicy] = field(default_factory=dict)

    @property
    def carries_mark_id(self) -> bool:
        """Whether a step of it marks the image with its mark id."""
        return any(step.cls.carries_mark_id for step in self.steps)

    def settle(self, given: Mapping[str, Any]) -> Settled:
        """The parameters of one request. Raises UsageError for an unknown one, or a value outside its bounds."""
        return settle(self.parameters, self.steps, self.root, given)

    def ref(self, step: BoundStep) -> StepRef:
        """What an engine needs to build this step."""
        return StepRef(step.type, step.id, step.occurrence, step.raw_options, self.hash, str(self.root), step.digest)


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A pipelines.yaml: its pipelines that hold, in the order of the file, the models it declares, and the policies it names.

    `problems` are the mistakes of the file by itself, `unfinished` what can be told of the pipelines that have some.
    """

    pipelines: Mapping[str, Pipeline]
    models: Mapping[str, ModelSource]
    policies: tuple[PolicyName, ...]
    unfinished: tuple[Unfinished, ...] = ()
    problems: tuple[Problem, ...] = ()


def declared_models(path: Path) -> dict[str, ModelSource]:
    """The models that a pipelines.yaml declares: wanted before its pipelines can be loaded.

    Passes over those whose declaration does not hold, as `load_pipelines` tells. Raises InvalidFile where the file is not YAML.
    """
    models: dict[str, ModelSource] = {}
    document = load_yaml(path)
    declared = document.value.get("models") if isinstance(document.value, dict) else None
    for name in declared if isinstance(declared, dict) else ():
        with suppress(InvalidFile):
            models[name] = _model(document, name)
    return models


def load_pipelines(path: Path, catalogue: StepCatalogue, models: ModelIndex) -> PipelineFile:
    """As `read_pipelines`. Raises InvalidFile with all mistakes of the file."""
    file = read_pipelines(path, catalogue, models)
    if file.problems:
        raise InvalidFile(file.problems)
    return file


def read_pipelines(path: Path, catalogue: StepCatalogue, models: ModelIndex) -> PipelineFile:
    """Read and check a pipelines.yaml. Raises InvalidFile where it is not YAML; else its mistakes are in what it gives.

    `models` knows what plugins registered and what `declared_models(path)` gave. No step and no network is loaded.
    """
    document = load_yaml(path)
    reading = Reading(document, path.parent.resolve(), catalogue, models)
    problems = Problems()
    with problems.collecting():
        reading.parse(FileEntry, ())
    declared: dict[str, ModelSource] = {}
    for name in reading.names(("models",)):
        with problems.collecting():
            declared[name] = _model(reading.document, name)
            _refuse_taken(reading, name)
    reading = replace(reading, broken_models=frozenset(reading.names(("models",))) - set(declared))
    cohorts: dict[str, CohortEntry] = {}
    for name in reading.names(("cohorts",)):
        with problems.collecting():
            cohorts[name] = _cohort(reading, name)
    pipelines: dict[str, Pipeline] = {}
    for name in reading.names(("pipelines",)):
        with problems.collecting():
            pipelines[name] = _pipeline(reading, name, cohorts)
    broken = [name for name in reading.names(("pipelines",)) if name not in pipelines]
    told = tuple(one for name in broken for one in unfinished(reading, name))
    return PipelineFile(pipelines, declared, tuple(policy_names(reading)), told, tuple(problems.found))


def _model(document: Document, name: str) -> ModelSource:
    path = ("models", name)
    try:
        entry = ModelEntry.model_validate(document.value["models"][name])
        return ModelSource(name, **entry.model_dump())
    except ValidationError as error:
        raise InvalidFile(pydantic_problems(error, document, path, ModelEntry)) from None
    except ConfigurationError as error:
        raise InvalidFile([document.problem(path, error.what, error.fix)]) from None


def _refuse_taken(reading: Reading, name: str) -> None:
    if name in reading.catalogue.models:
        raise reading.refusal(("models", name), "a plugin registers a model of this name", "choose another", at_key=True)


def _cohort(reading: Reading, name: str) -> CohortEntry:
    path = ("cohorts", name)
    problems = Problems()
    with problems.collecting():
        reading.check_name(path)
    entry = reading.parse(CohortEntry, path)
    known = reading.names(("pipelines",))
    for index, pipeline in enumerate(entry.pipelines or ()):
        if pipeline not in known:
            what = f"there is no pipeline {pipeline!r}"
            problems.found.append(reading.document.problem((*path, "pipelines", index), what, did_you_mean(pipeline, known)))
    problems.raise_found()
    return entry


def _policies_of_cohorts(reading: Reading, pipeline: str, cohorts: Mapping[str, CohortEntry]) -> dict[str, CohortPolicy]:
    """Those that a pipeline has."""
    return {
        name: CohortPolicy(name, entry.policy, entry.loosens, entry.reason, reading.document.place(("cohorts", name, "policy")))
        for name, entry in cohorts.items()
        if entry.pipelines is None or pipeline in entry.pipelines
    }


def _pipeline(reading: Reading, name: str, cohorts: Mapping[str, CohortEntry]) -> Pipeline:
    path = ("pipelines", name)
    problems = Problems()
    with problems.collecting():
        reading.check_name(path)
    entry: PipelineEntry | None = None
    with problems.collecting():
        entry = reading.parse(PipelineEntry, path)
    steps = bind_steps(reading, (*path, "steps"), problems)
    parameters = bind_parameters(reading, (*path, "parameters"), steps, problems)
    problems.raise_found()
    if entry is None or len(steps) < len(entry.steps):
        raise InvalidFile([])  # a step stands on something whose own mistake has been told
    check_dataflow(reading, path, entry.task, steps)
    policies = _policies_of_cohorts(reading, name, cohorts)
    text = _canonical(reading, name, entry, steps, parameters, policies)
    return Pipeline(
        name=name,
        task=entry.task,
        policy=entry.policy,
        shadow_policy=entry.shadow_policy,
        parameters=parameters,
        steps=steps,
        hash=sha256_hex(text),
        canonical=text,
        root=reading.root,
        file=reading.document.file,
        line=reading.document.key_place(path).line,
        cohorts=policies,
    )


def _canonical(
    reading: Reading,
    name: str,
    entry: PipelineEntry,
    steps: Sequence[BoundStep],
    parameters: Mapping[str, Parameter],
    cohorts: Mapping[str, CohortPolicy],
) -> bytes:
    judged = {"policy": entry.policy, "shadow_policy": entry.shadow_policy}
    head: dict[str, Any] = {"limner": 1, "pipeline": name, "task": entry.task, **judged}
    if cohorts:
        head["cohorts"] = {cohort: policy.as_json() for cohort, policy in cohorts.items()}
    settable = {key: parameter.canonical() for key, parameter in parameters.items()}
    problems = Problems()
    forms: list[Any] = []  # JSON
    for index, step in enumerate(steps):
        with (
            problems.collecting(),
            reading.faults_at(("pipelines", name, "steps", index), f"Options of {step.type}", step.cls.__module__),
        ):
            forms.append(_canonical_step(step, reading.models))
            canonical(forms[-1])
    problems.raise_found()
    return canonical({**head, "parameters": settable, "steps": forms})


def _canonical_step(step: BoundStep, models: ModelIndex) -> dict[str, Any]:
    """A step as JSON: assets by content hash, secrets by name, models by digest."""
    return {
        "use": step.type,
        "as": step.id,
        "with": step.options.model_dump(mode="json", by_alias=True),
        "deadline": step.deadline,
        "digest": step.digest,
        "models": {name: models.digest(name) for _, name in model_references(step.options)},
    }
