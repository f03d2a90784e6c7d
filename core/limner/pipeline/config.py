"""The form of pipelines.yaml, piece by piece.

The pieces inside a piece are left as plain values and are checked each on its own, so that a mistake in one step or parameter
does not hide the mistakes in the others.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from limner.generation import Task

NAME = r"^[a-z0-9][a-z0-9_-]*$"
DURATION = r"^(\d+(?:\.\d+)?)(ms|s|m)$"
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def _seconds(written: object) -> float:
    match = re.match(DURATION, written) if isinstance(written, str) else None
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"should be a duration above zero with its unit, such as 20s, 500ms or 2m, not {written!r}")
    return seconds


Name = Annotated[str, Field(pattern=NAME)]
Duration = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "pattern": DURATION})]
Target = Annotated[str, Field(pattern=r"^.+\..+$")]
Number = StrictInt | StrictFloat
Scalar = StrictBool | StrictInt | StrictFloat | StrictStr


class Entry(BaseModel):
    """Base of the pieces. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(Entry):
    """The whole file; `limner` is the version of its form."""

    limner: Literal[1]
    models: dict[str, Any] = Field(default_factory=dict)  # ModelEntry by name
    pipelines: dict[str, Any] = Field(min_length=1)  # PipelineEntry by name
    cohorts: dict[str, Any] = Field(default_factory=dict)  # CohortEntry by name


class CohortEntry(Entry):
    """The policy of a cohort, in place of the pipelines' own: of all of them, or of those named.

    One that `loosens` a pipeline's policy says so, and gives the reason.
    """

    policy: str = Field(min_length=1)
    pipelines: list[str] | None = Field(default=None, min_length=1)
    loosens: StrictBool = False
    reason: str = ""

    @model_validator(mode="after")
    def _gives_its_reason(self) -> CohortEntry:
        if self.loosens and not self.reason.strip():
            raise ValueError("`loosens` needs a `reason`: who decided so, and why")
        return self


class ModelEntry(Entry):
    """A model: a directory, or a hub id with its `revision`; `limner.models.ModelSource` says which can be."""

    source: str = Field(min_length=1)
    revision: str = ""
    space: str = ""


class PipelineEntry(Entry):
    """One pipeline; `policy` and `shadow_policy` are names of policies."""

    task: Task
    policy: str = Field(min_length=1)
    shadow_policy: str | None = Field(default=None, min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)  # ParameterEntry by name
    steps: list[Any] = Field(min_length=1)  # StepEntry each


class ParameterEntry(Entry):
    """What a request may set: the option `sets` (`step.option`), from `min` to `max` or one of `choices`.

    The options in `also` get the same value.
    """

    sets: Target
    also: list[Target] = Field(default_factory=list)
    min: Number | None = None
    max: Number | None = None
    choices: list[Scalar] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _bounded(self) -> ParameterEntry:
        has_range = self.min is not None and self.max is not None
        if has_range == (self.choices is not None) or (self.min is None) != (self.max is None):
            raise ValueError("a parameter has bounds: give `min` and `max`, or `choices`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class StepEntry(Entry):
    """One step: `use` a registered type, `as` a name of its own, `with` options, within a `deadline`."""

    use: str = Field(min_length=1)
    name: Name | None = Field(default=None, alias="as")
    options: dict[str, Any] = Field(default_factory=dict, alias="with")  # the step's own Options
    deadline: Duration | None = None

    @property
    def id(self) -> str:
        """The step's name in its pipeline."""
        return self.name or self.use
