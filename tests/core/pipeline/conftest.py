"""Steps of every stage, a catalogue of them, and models in two embedding spaces, to write pipelines with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Literal

import pytest
from pydantic import BaseModel, Field, model_validator

import limner
from limner.errors import InvalidFile, PluginError, PluginFault, Problem
from limner.hookspecs import Stage
from limner.models import ModelSource, ModelStore
from limner.pipeline import Pipeline, declared_models, load_pipelines
from limner.stage_call import stage_of
from limner.yaml_problems import did_you_mean


class WordOptions(limner.Options):
    lists: tuple[str, ...] = ("weapon",)
    strict: bool = False


class Words(limner.Step):
    type = "words"
    Options = WordOptions

    @classmethod
    def emits(cls, options: WordOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        return {f"words.{name}": limner.Range() for name in options.lists}

    @classmethod
    def digest(cls, options: WordOptions, models: limner.ModelIndex) -> str:
        return "-".join(options.lists)

    @limner.hookimpl
    def filter_prompt(self, generations):
        return [[] for _ in generations]


class RewriteOptions(limner.Options):
    style: Literal["plain", "oil", "ink"] = "plain"
    template: limner.Asset | None = None
    key: limner.Secret | None = None


class Rewrite(limner.Step):
    type = "style.rewrite"
    Options = RewriteOptions

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return [generation.prompt for generation in generations]


class WithModel(limner.Options):
    model: limner.ModelRef = limner.ModelRef("alpha")


class Text(limner.Step):
    type = "toy.text"
    Options = WithModel

    @limner.hookimpl
    def encode_text(self, generations):
        return list(generations)


class PriorOptions(WithModel):
    steps: int = Field(default=25, ge=1, le=1000)
    from_text: bool = False


class Prior(limner.Step):
    type = "toy.prior"
    Options = PriorOptions

    @classmethod
    def reads(cls, options: PriorOptions) -> frozenset[str]:
        return frozenset({"text"} if options.from_text else {"prompt"})

    @limner.hookimpl
    def sample_prior(self, generations):
        return list(generations)


class Sampler(BaseModel):
    name: Literal["ancestral", "ddim"] = "ancestral"
    scorer: limner.ModelRef | None = None
    others: tuple[limner.ModelRef, ...] = ()
    named: dict[str, limner.ModelRef] = {}


class DecoderOptions(limner.Options):
    model: limner.ModelRef
    guidance: float = Field(default=8.0, ge=1.0, le=20.0)
    low: int = Field(default=1, ge=0)
    high: int = Field(default=9, ge=0)
    steps: int = Field(default=25, ge=1)
    exact: bool = False
    sampler: Sampler = Sampler()
    from_prompt: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> DecoderOptions:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Decoder(limner.Step):
    type = "toy.decoder"
    Options = DecoderOptions

    @classmethod
    def reads(cls, options: DecoderOptions) -> frozenset[str] | None:
        return frozenset({"prompt"}) if options.from_prompt else None

    @limner.hookimpl
    def decode(self, generations):
        return list(generations)


class EmbeddingScore(limner.Step):
    type = "toy.embedding_score"
    Options = WithModel

    @classmethod
    def emits(cls, options: WithModel, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        return {"toy.sword": limner.Range()}

    @limner.hookimpl
    def classify_embedding(self, generations):
        return [[] for _ in generations]


class ImageScore(EmbeddingScore):
    type = "toy.image_score"
    classify_embedding = None  # type: ignore[assignment]  # this one measures the image

    @limner.hookimpl
    def classify_image(self, generations):
        return [[] for _ in generations]


class Encoder(limner.Step):
    type = "toy.encoder"
    Options = WithModel

    @limner.hookimpl
    def encode_image(self, generations):
        return list(generations)


class Slerp(limner.Step):
    type = "toy.slerp"

    @limner.hookimpl
    def transform_embedding(self, generations):
        return list(generations)


class Inpaint(limner.Step):
    type = "toy.inpaint"
    Options = WithModel

    @classmethod
    def reads(cls, options: WithModel) -> frozenset[str]:
        return frozenset({"prompt", "upload", "mask"})

    @limner.hookimpl
    def decode(self, generations):
        return list(generations)


class Upsampler(limner.Step):
    type = "toy.upsampler"
    Options = WithModel

    @limner.hookimpl
    def upscale(self, generations):
        return list(generations)


class MarkOptions(limner.Options):
    scale: float = 1.0


class Mark(limner.Step):
    type = "toy.mark"
    Options = MarkOptions

    @limner.hookimpl
    def watermark(self, generations):
        return list(generations)


class Attest(limner.Step):
    type = "toy.attest"

    @limner.hookimpl
    def attest(self, generations):
        return list(generations)


STEPS = (
    Words, Rewrite, Text, Prior, Decoder, EmbeddingScore, ImageScore, Encoder, Slerp, Inpaint, Upsampler, Mark, Attest,
)  # fmt: skip


class Catalogue:
    """Registered steps, and a plugin that is broken."""

    def __init__(self) -> None:
        self.steps: dict[str, type[limner.Step]] = {cls.type: cls for cls in STEPS}
        self.models: Mapping[str, object] = MappingProxyType({"scenes": object()})

    def add(self, cls: type[limner.Step]) -> None:
        self.steps[cls.type] = cls

    def step(self, name: str) -> type[limner.Step]:
        if name.startswith("broken."):
            raise PluginFault(
                f"step {name!r} cannot be had: plugin broken does not load: No module named 'absent'", fix="pip install absent"
            )
        if name not in self.steps:
            raise PluginError(f"there is no step {name!r}", fix=did_you_mean(name, self.steps))
        return self.steps[name]

    def stage_of(self, cls: type[limner.Step]) -> Stage:
        return stage_of(cls)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.fixture
def models(tmp_path: Path) -> dict[str, ModelSource]:
    """`alpha` and `alike` in one embedding space, `beta` in another."""
    spaces = {"alpha": "space-a", "alike": "space-a", "beta": "space-b"}
    for name in spaces:
        (tmp_path / "weights" / name).mkdir(parents=True)
        (tmp_path / "weights" / name / "model_index.json").write_text(json.dumps({"of": name}))
    return {name: ModelSource(name, f"./weights/{name}", space=space) for name, space in spaces.items()}


Load = Callable[[str], Mapping[str, Pipeline]]


@pytest.fixture
def load(tmp_path: Path, catalogue: Catalogue, models: dict[str, ModelSource]) -> Load:
    """Write the text to pipelines.yaml and load it."""

    def load_text(text: str) -> Mapping[str, Pipeline]:
        path = tmp_path / "pipelines.yaml"
        path.write_text(dedent(text).lstrip("\n"))
        store = ModelStore({**models, **declared_models(path)}, root=tmp_path)
        return load_pipelines(path, catalogue, store).pipelines

    return load_text


@pytest.fixture
def problems(load: Load) -> Callable[[str], list[Problem]]:
    """Write the text to pipelines.yaml and return what loading it complains of."""

    def problems_of(text: str) -> list[Problem]:
        with pytest.raises(InvalidFile) as refused:
            load(text)
        return list(refused.value.problems)

    return problems_of
