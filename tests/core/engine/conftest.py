"""Every engine test's calls go through pickle, as if the engine were in another process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.bound import StepRef
from limner.engine.local import LocalEngine
from limner.generation import Generation
from limner.step import Step

sys.path.insert(0, str(Path(__file__).parent))  # so that a test can `import pickling_engine`


class NoModels:
    """For steps that load nothing; remembers where they were asked to load it."""

    def __init__(self) -> None:
        self.bound: list[tuple[str, str]] = []

    def bind(self, device: Any, dtype: Any) -> NoModels:
        self.bound.append((str(device), str(dtype)))
        return self

    def space(self, model: str) -> str:
        return "space"

    def digest(self, model: str) -> str:
        return "digest"


class Started:
    """A running engine, with what the tests ask of it besides the interface."""

    def __init__(self, engine: LocalEngine, models: NoModels) -> None:
        from pickling_engine import PicklingEngine

        self.local, self.models = engine, models
        pickling = PicklingEngine(engine)
        self.submit, self.cancel, self.close = pickling.submit, pickling.cancel, pickling.close
        self.capacity, self.healthy = pickling.capacity, engine.healthy


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """Start an engine for these step classes; it is closed when the test ends."""
    started: list[LocalEngine] = []

    def start(*classes: type[Step], **arguments: Any) -> Started:
        arguments = {"devices": ("cpu",), "precision": "float32", "cpu_workers": 1, "io_workers": 1} | arguments
        models = NoModels()
        started.append(LocalEngine({cls.type: cls for cls in classes}, models, **arguments))
        return Started(started[-1], models)

    yield start
    for engine in started:
        engine.close()


@pytest.fixture
def ref() -> Callable[..., StepRef]:
    """A reference to a step of this class."""

    def ref(cls: type[Step], options: Mapping[str, Any] | None = None, **values: Any) -> StepRef:
        return StepRef(
            **{"type": cls.type, "id": cls.type, "occurrence": 0, "options": options or {}, "pipeline_hash": "", "root": "."}
            | values
        )

    return ref


@pytest.fixture
def generation() -> Callable[..., Generation]:
    """Image `index` of a request."""

    def generation(request: str = "a", index: int = 0, **values: Any) -> Generation:
        return Generation(request, index, **{"seed": index, "prompt": "a red circle"} | values)

    return generation
