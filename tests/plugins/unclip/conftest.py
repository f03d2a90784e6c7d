"""Steps over the tiny Karlo-style model, and diffusers' UnCLIPPipeline over the very same components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from limner import Generation, Models, Step
from limner.models import ModelSource, ModelStore

CPU = torch.device("cpu")
COMPONENTS = ("prior", "decoder", "text_encoder", "tokenizer", "text_proj", "super_res_first", "super_res_last")
SCHEDULERS = ("prior_scheduler", "decoder_scheduler", "super_res_scheduler")


@pytest.fixture(scope="session")
def store(karlo: Path) -> ModelStore:
    return ModelStore({"tiny": ModelSource("tiny", str(karlo))})


@pytest.fixture(scope="session")
def models(store: ModelStore) -> Models:
    """The tiny model on the CPU in float32."""
    return store.bind(CPU, torch.float32)


class Configured:
    """The models with other settings in some of their schedulers."""

    def __init__(self, models: Models, **changes: Mapping[str, Any]) -> None:
        self._models, self._changes = models, changes
        self.component, self.space = models.component, models.space

    def config(self, model: str, name: str) -> Mapping[str, Any]:
        return {**self._models.config(model, name), **self._changes.get(name, {})}


@pytest.fixture(scope="session")
def configured() -> type[Configured]:
    return Configured


@pytest.fixture(scope="session")
def load(models: Models) -> Callable[..., Any]:
    """`load(cls, **options)`: a step of the class, loaded from the tiny model."""

    def build(cls: type[Step], *, models: Models = models, dtype: torch.dtype = torch.float32, **options: Any) -> Step:
        step = cls(cls.Options(**{"model": "tiny", **options}))
        step.load(models, CPU, dtype)
        return step

    return build


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Any]:
    """`oracle(models, model)`: diffusers' UnCLIPPipeline of the components; its from_pretrained fails on every checkpoint."""

    def build(models: Models, model: str = "tiny") -> Any:
        from diffusers import UnCLIPScheduler
        from diffusers.pipelines.deprecated.unclip import UnCLIPPipeline

        parts = {name: models.component(model, name) for name in COMPONENTS}
        schedulers = {name: UnCLIPScheduler.from_config(dict(models.config(model, name))) for name in SCHEDULERS}
        pipeline = UnCLIPPipeline(**parts, **schedulers)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return build


@pytest.fixture
def generation() -> Callable[..., Generation]:
    """`generation(seed, ...)`: a generation with a prompt."""

    def build(seed: int = 0, prompt: str = "a red circle above a blue square", **fields: Any) -> Generation:
        return Generation(request_id="r", index=0, seed=seed, prompt=prompt, **fields)

    return build
