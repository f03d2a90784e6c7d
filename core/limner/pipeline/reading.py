"""One reading of pipelines.yaml: the file with its places, and what its names are looked up in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from limner.errors import InvalidFile, LimnerError, PluginFault
from limner.hookspecs import Stage
from limner.pipeline.config import NAME
from limner.plugins.cause import line_of
from limner.step import ModelIndex, Step
from limner.yaml_problems import pydantic_problems
from limner.yaml_source import Document, KeyPath

Form = TypeVar("Form", bound=BaseModel)
StepClass = type[Step]


class StepCatalogue(Protocol):
    """What plugins registered."""

    @property
    def steps(self) -> Mapping[str, StepClass]:
        """Step classes by type."""

    @property
    def models(self) -> Mapping[str, object]:
        """The models that plugins registered, by name."""

    def step(self, name: str) -> StepClass:
        """The step class of this type. Raises PluginError, with the cause where its plugin is broken."""

    def stage_of(self, step: StepClass) -> Stage:
        """The stage that a step class implements."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What every check of one pipelines.yaml needs.

    `root` is the folder that assets are relative to; `broken_models` are those of the file whose own declaration does not hold;
    `faults` those of plugins that have been told.
    """

    document: Document
    root: Path
    catalogue: StepCatalogue
    models: ModelIndex
    broken_models: frozenset[str] = frozenset()
    faults: set[tuple[str, str]] = field(default_factory=set)

    def raw(self, path: KeyPath) -> Any:  # YAML scalars, lists and mappings
        """The plain value at `path`, or None where there is none."""
        value = self.document.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def names(self, path: KeyPath) -> list[str]:
        """The keys of the mapping at `path`; empty where there is no mapping."""
        value = self.raw(path)
        return list(value) if isinstance(value, dict) else []

    def parse(self, form: type[Form], path: KeyPath) -> Form:
        """The value at `path` in this form. Raises InvalidFile with all that is wrong with it."""
        return self.validate(form, path, self.raw(path))

    def validate(self, form: type[Form], path: KeyPath, value: object) -> Form:
        """As `parse`, for a value that need not stand in the file as it is."""
        try:
            return form.model_validate(value, context={"root": self.root})
        except ValidationError as error:
            raise InvalidFile(pydantic_problems(error, self.document, path, form)) from None

    def refusal(self, path: KeyPath, what: str, fix: str = "", *, at_key: bool = False) -> InvalidFile:
        """An InvalidFile with one mistake, to be raised."""
        return InvalidFile([self.document.problem(path, what, fix, at_key=at_key)])

    def check_name(self, path: KeyPath) -> None:
        """Refuse the key that ends `path` if it is not fit for a name."""
        if not re.match(NAME, str(path[-1])):
            raise self.refusal(path, "is not a name", "use a-z, 0-9, _ and -, and begin with a letter or digit", at_key=True)

    @contextmanager
    def faults_at(self, path: KeyPath, of: str, module: str = "") -> Iterator[None]:
        """Turn whatever plugin code raises into a mistake at `path`, with the line of the plugin, whose `module` it is."""
        try:
            yield
        except InvalidFile:
            raise
        except PluginFault as error:
            self._refuse_again(error)
            raise self._told(path, error) from error
        except LimnerError as error:
            raise self._told(path, error) from error
        except Exception as error:  # plugin code may raise anything
            at = line_of(error, module)
            what = f"{of} raised {type(error).__name__}: {error}"
            raise self.refusal(path, what, f"a fault of the plugin{at and f', at {at}'}") from error

    def _told(self, path: KeyPath, error: LimnerError) -> InvalidFile:
        return self.refusal(path, f"{error.where}: {error.what}" if error.where else error.what, error.fix)

    def _refuse_again(self, fault: PluginFault) -> None:
        """Refuse without a word what has been told where it was met first."""
        key = (fault.where, fault.fix)
        if key in self.faults:
            raise InvalidFile([]) from fault
        self.faults.add(key)
