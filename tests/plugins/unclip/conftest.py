"""Steps over the tiny Karlo-style model, and diffusers' UnCLIPPipeline over the very same components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from limner import Generation, Models, Step
from limner.models import ModelStore
from limner.testing import local_models

CPU = torch.device("cpu")
COMPONENTS = ("prior", "decoder", "text_encoder", "tokenizer", "text_proj", "super_res_first", "super_res_last")
SCHEDULERS = ("prior_scheduler", "decoder_scheduler", "super_res_scheduler")


@pytest.fixture(scope="session")
def store(karlo: Path) -> ModelStore:
    return local_models(tiny=karlo)


@pytest.fixture(scope="session")
def models(store: ModelStore) -> Models:
    """The tiny model on the CPU in float32."""
    return store.bind(CPU, torch.float32)


class Changed:
    """The models with other components, and other settings in their schedulers."""

    def __init__(self, models: Models, components: Mapping[str, Any] | None = None, **settings: Mapping[str, Any]) -> None:
        self._models, self._components, self._settings = models, components or {}, settings
        self.space = models.space

    def component(self, model: str, name: str) -> Any:
        return self._components.get(name) or self._models.component(model, name)

    def config(self, model: str, name: str) -> Mapping[str, Any]:
        return {**self._models.config(model, name), **self._settings.get(name, {})}


@pytest.fixture(scope="session")
def changed() -> type[Changed]:
    return Changed


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


@pytest.fixture(scope="session")
def generation() -> Callable[..., Generation]:
    """`generation(seed, ...)`: a generation with a prompt."""

    def build(seed: int = 0, prompt: str = "a red circle above a blue square", **fields: Any) -> Generation:
        return Generation(request_id="r", index=0, seed=seed, prompt=prompt, **fields)

    return build


@pytest.fixture(scope="session")
def embedded(generation: Callable[..., Generation], models: Models) -> Callable[..., Generation]:
    """`embedded(seed, ...)`: a generation with an embedding in the tiny model's space."""
    from limner import Embedding

    def build(seed: int = 0, **fields: Any) -> Generation:
        vector = torch.randn(32, generator=torch.Generator().manual_seed(seed))
        return generation(seed, **fields).with_embedding(Embedding(vector, models.space("tiny")))

    return build
