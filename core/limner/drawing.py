"""What a pipeline's model draws, for measuring it: the steps that make the image, and neither gates nor marks nor record.

A measurement may put another model, or another step of the same stage, in the place of what the pipeline names: the ablations
of a paper are then pipelines like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import ValidationError

from limner.bound import BoundStep, StepRef
from limner.canonical import canonical, sha256_hex
from limner.engine.interface import Engine
from limner.errors import StepError, UsageError
from limner.generation import Generation, Image
from limner.hookspecs import Stage
from limner.pipeline import Pipeline
from limner.pipeline.option_values import model_references
from limner.step import ModelIndex, ModelRef, Options, Step

MARKING = ("watermark", "attest")


class Steps(Protocol):
    """The steps that plugins registered, as `limner.plugins.registry.Registry` has them."""

    def step(self, name: str) -> type[Step]:
        """The step class of this type. Raises PluginError where there is none."""

    def stage_of(self, step: type[Step]) -> Stage:
        """The stage that a step class implements."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Steps that make an image, ready to be run. `digest` is a SHA-256 over all that decides its pixels but prompt and seed."""

    engine: Engine
    refs: tuple[StepRef, ...]
    digest: str

    def image(self, prompt: str, seed: int) -> Image | None:
        """The image for a prompt and a seed; None where a step failed."""
        generation = Generation("drawing", 0, seed, prompt, raw_prompt=prompt)
        try:
            for ref in self.refs:
                generation = self.engine.submit(ref, generation).result().generation
        except StepError:
            return None
        return generation.image


def drawing(
    pipeline: Pipeline,
    engine: Engine,
    steps: Steps,
    models: ModelIndex,
    *,
    model: str | None = None,
    instead: Mapping[str, str] | None = None,
) -> Drawing:
    """The drawing of a pipeline. `model` takes the place of every model it names, `instead` gives a step type for another.

    Raises UsageError where a step cannot stand in for another, ModelError where there is no such model.
    """
    refs: list[StepRef] = []
    hashed: list[Any] = []
    for step in pipeline.steps:
        if step.measures or step.stage.name in MARKING:
            continue
        cls = _standing_in(step, steps, (instead or {}).get(step.type))
        given = _given(step, cls, model)
        refs.append(replace(pipeline.ref(step), type=cls.type, options=given))
        hashed.append([cls.type, step.occurrence, *_hashed(_options(cls, given, pipeline), models)])
    return Drawing(engine, tuple(refs), sha256_hex(canonical(hashed)))


def _standing_in(step: BoundStep, steps: Steps, name: str | None) -> type[Step]:
    if name is None:
        return step.cls
    cls = steps.step(name)
    if steps.stage_of(cls) != step.stage:
        what = f"{name} does the work of {steps.stage_of(cls).name} and cannot stand in for {step.type}"
        raise UsageError(what, fix=f"name a step of the stage {step.stage.name}")
    return cls


def _given(step: BoundStep, cls: type[Step], model: str | None) -> dict[str, Any]:
    """The options as written; those that another step has as well, where one stands in."""
    given = {key: value for key, value in step.raw_options.items() if cls is step.cls or key in cls.Options.model_fields}
    named = [key for key, field in cls.Options.model_fields.items() if field.annotation is ModelRef]
    return {**given, **dict.fromkeys(named, model)} if model else given


def _options(cls: type[Step], given: Mapping[str, Any], pipeline: Pipeline) -> Options:
    try:
        return cls.Options.model_validate(given, context={"root": pipeline.root})
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{cls.type} does not take these options: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UsageError(what, where=f"pipeline {pipeline.name}") from None


def _hashed(options: Options, models: ModelIndex) -> tuple[dict[str, Any], list[str]]:
    """The options as JSON, and the digests of the models in place of their names."""
    named = {key for key, value in options if isinstance(value, ModelRef)}
    digests = [models.digest(model) for _, model in model_references(options)]
    return options.model_dump(mode="json", by_alias=True, exclude=named), digests
