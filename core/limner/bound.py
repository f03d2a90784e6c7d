"""A step as it stands in one pipeline: declared, checked and not loaded. Pipelines, policies and engines share this form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limner.hookspecs import Stage
from limner.step import Options, Range, Step

StepClass = type[Step]  # named, because both classes below have a field `type`


@dataclass(frozen=True, slots=True)
class StepRef:
    """What an engine needs to build and load a step, in whatever process it runs: plain, picklable values.

    `options` is the `with:` mapping as written; `root` the folder that assets are relative to; `digest` that of a measuring
    step, as its decisions will name it.
    """

    type: str
    id: str
    occurrence: int
    options: Mapping[str, Any]  # YAML scalars, lists and mappings
    pipeline_hash: str
    root: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class BoundStep:
    """One step of a checked pipeline, with what it declared without loading.

    `reads` and `writes` are narrowed from the stage's; `emits` and `digest` are those of a measuring step; `deadline` is in
    seconds, None for no limit; `line` and `column` are its place in pipelines.yaml.
    """

    id: str
    type: str
    cls: StepClass
    stage: Stage
    options: Options
    raw_options: Mapping[str, Any]  # YAML scalars, lists and mappings
    occurrence: int
    reads: frozenset[str]
    writes: frozenset[str]
    emits: Mapping[str, Range] = field(default_factory=dict)
    digest: str = ""
    deadline: float | None = None
    line: int = 0
    column: int = 0

    @property
    def measures(self) -> bool:
        """Whether the step only measures, at its stage's gate."""
        return self.stage.gate is not None
