"""What all four gates share: options, the signals declared from the concepts, and the concepts' encoded phrasings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, model_validator

import limner
from limner_clip.concepts import Concept, ConceptFile, built_in_concepts

if TYPE_CHECKING:
    import torch

VERSION = 2  # of how a score is computed; part of the digest


def _read(asset: limner.Asset) -> ConceptFile:
    """The concepts in a file. Raises ValueError, which options report at the place where the file is named."""
    try:
        return asset.read_yaml(ConceptFile)
    except limner.ConfigurationError as error:
        raise ValueError(str(error)) from None


def _holds_concepts(asset: limner.Asset) -> limner.Asset:
    _read(asset)
    return asset


class ConceptOptions(limner.Options):
    """`concepts` is a file to use in place of the built-in concepts, which are those of the model `scenes`.

    `only` names the concepts that are measured, all of the file if left out. `logit_scale` is what cosines are multiplied by
    before the softmax; left out, it is the model's own, or 100 where the model does not tell.
    """

    model: limner.ModelRef
    concepts: Annotated[limner.Asset, AfterValidator(_holds_concepts)] | None = None
    only: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    logit_scale: Annotated[float, Field(gt=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _names_known_concepts(self) -> ConceptOptions:
        if unknown := sorted(set(self.only or ()) - set(self._all)):
            raise ValueError(f"there is no concept {unknown[0]!r}; there are {', '.join(self._all)}")
        return self

    @cached_property
    def _all(self) -> Mapping[str, Concept]:
        return self._file.concepts

    @cached_property
    def _file(self) -> ConceptFile:
        return built_in_concepts() if self.concepts is None else _read(self.concepts)

    @cached_property
    def measured(self) -> Mapping[str, Concept]:
        """The concepts in use, by name."""
        return {name: concept for name, concept in self._all.items() if self.only is None or name in self.only}

    @cached_property
    def joint(self) -> Mapping[str, tuple[str, ...]]:
        """The joint concepts whose parts are all in use, by name."""
        return {name: parts for name, parts in self._file.joint.items() if self.measured.keys() >= set(parts)}


class ConceptGate(limner.Step):
    """Measures `clip.<concept>`, the probability of each concept among its contrasts."""

    Options = ConceptOptions
    runs_on = "accelerator"
    max_batch = 16

    @classmethod
    def emits(cls, options: ConceptOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each concept."""
        return {f"clip.{name}": limner.Range(0.0, 1.0) for name in options.measured}

    @classmethod
    def digest(cls, options: ConceptOptions, models: limner.ModelIndex) -> str:
        """The hash of the concepts, the model's files and the scale."""
        concepts = {name: concept.model_dump(mode="json") for name, concept in options.measured.items()}
        said = [VERSION, concepts, options.joint, models.digest(options.model), options.logit_scale]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts."""
        from limner_clip.zero_shot import ZeroShot

        options = self.options
        self._zero_shot = ZeroShot(models, options.model, options.measured, scale=options.logit_scale, device=device)

    def scores(self, embeddings: torch.Tensor) -> list[dict[str, float]]:
        """The probability of each concept for each of the embeddings (n, dimension)."""
        return self._zero_shot.scores(embeddings)

    def signals(self, views: Sequence[Mapping[str, float]]) -> list[limner.Signal]:
        """The signals of one generation: of each concept the highest score over its views."""
        return [limner.Signal(f"clip.{name}", max(view[name] for view in views)) for name in views[0]]
