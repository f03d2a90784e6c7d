"""The step `clip.embedding_concepts`: what would be drawn is looked at before the decoder spends time on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner_clip.gate import ConceptGate

if TYPE_CHECKING:
    import torch


class EmbeddingConcepts(ConceptGate):
    """Measures the image embedding, as a prior or an image encoder left it, against each concept."""

    type = "clip.embedding_concepts"

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts."""
        super().load(models, device, dtype)
        self._space = models.space(self.options.model)

    @limner.hookimpl
    def classify_embedding(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each embedding; an ItemError for one of another space than the model's."""
        import torch

        vectors = [self._vector(generation.embedding) for generation in generations]
        comparable = [vector for vector in vectors if vector is not None]
        scores = iter(self.scores(torch.stack(comparable)) if comparable else ())
        return [
            self._refusal(generation.embedding) if vector is None else self.signals([next(scores)])
            for generation, vector in zip(generations, vectors, strict=True)
        ]

    def _vector(self, embedding: limner.Embedding | None) -> torch.Tensor | None:
        return embedding.vector if embedding is not None and embedding.space == self._space else None

    def _refusal(self, embedding: limner.Embedding | None) -> limner.ItemError:
        if embedding is None:
            return limner.ItemError("there is no embedding to look at", fix="put a prior or an image encoder before this step")
        return limner.ItemError(
            f"the embedding is of the space {embedding.space!r}, and model {self.options.model} is of {self._space!r}",
            fix="name the model that the embedding came from, or declare one `space` for both if they share their CLIP",
        )
