"""`unclip.slerp` and `unclip.text_diff`: another embedding from the one there is (DALL·E 2, sections 3.2 and 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

import limner
from limner import Embedding, Generation, ItemError, ModelRef, Models, Step, hookimpl

if TYPE_CHECKING:
    import torch

LEAST_DIFFERENCE = 1e-4  # of unit embeddings; below, there is no direction in it
NO_SECOND = ItemError("the request has no second image to blend with", fix="give one in the role second")
NO_DIFFERENCE = ItemError("the two texts say the same, so there is no direction to turn in", fix="name another text")


class SlerpOptions(limner.Options):
    """Options of `unclip.slerp`: `weight` is that of the second image, from 0 to 1."""

    model: ModelRef
    weight: float = Field(default=0.5, ge=0.0, le=1.0)


class Slerp(Step):
    """Moves the embedding towards that of the input image of role `second`."""

    type = "unclip.slerp"
    Options = SlerpOptions
    runs_on = "accelerator"

    @classmethod
    def reads(cls, options: SlerpOptions) -> frozenset[str]:
        """The embedding and the second image."""
        return frozenset({"embedding", "upload"})

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load image encoder and feature extractor."""
        from limner_unclip.image_embedding import ImageEmbedder

        self.embedder = ImageEmbedder(models, self.options.model, device, dtype)

    @hookimpl
    def transform_embedding(self, generations: Sequence[Generation]) -> list[Embedding | ItemError]:
        """The embedding between the two images'; an ItemError where there is no second image."""
        return [self._between(generation) for generation in generations]

    def _between(self, generation: Generation) -> Embedding | ItemError:
        from limner_unclip.interpolation import slerp

        second, embedding = generation.input("second"), generation.embedding
        assert embedding is not None, "the pipeline was checked to give the step an embedding"
        if second is None:
            return NO_SECOND
        [other] = self.embedder.embed([second])
        vector = slerp(embedding.vector, other.vector.to(embedding.vector), self.options_for(generation).weight)
        return replace(embedding, vector=vector)


class TextDiffOptions(limner.Options):
    """Options of `unclip.text_diff`: `theta` is how far to turn, as a share of the way; the paper takes 0.25 to 0.50."""

    model: ModelRef
    theta: float = Field(default=0.35, ge=0.0, le=1.0)


class TextDiff(Step):
    """Turns the embedding of an image in the direction from one text to another: from the negative prompt to the prompt.

    Without a negative prompt the change is from the empty caption. The length of the embedding stays.
    """

    type = "unclip.text_diff"
    Options = TextDiffOptions
    runs_on = "accelerator"

    @classmethod
    def reads(cls, options: TextDiffOptions) -> frozenset[str]:
        """The embedding and the prompt."""
        return frozenset({"embedding", "prompt"})

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load tokenizer and text encoder."""
        from limner_unclip.conditioning import TextEncoder

        self.text = TextEncoder(models, self.options.model, device)

    @hookimpl
    def transform_embedding(self, generations: Sequence[Generation]) -> list[Embedding | ItemError]:
        """The turned embedding; an ItemError where the two texts say the same."""
        return [self._turned(generation) for generation in generations]

    def _turned(self, generation: Generation) -> Embedding | ItemError:
        from limner_unclip.interpolation import slerp

        embedding, text = generation.embedding, self.text.conditioning(generation)
        assert embedding is not None, "the pipeline was checked to give the step an embedding"
        assert text.negative is not None, "conditioning comes with its negative"
        unit = [t.pooled.float() / t.pooled.float().norm().clamp(min=1e-12) for t in (text, text.negative)]
        difference = (unit[0] - unit[1]).to(embedding.vector)
        if difference.norm() < LEAST_DIFFERENCE:
            return NO_DIFFERENCE
        target = difference / difference.norm() * embedding.vector.norm()
        return replace(embedding, vector=slerp(embedding.vector, target, self.options_for(generation).theta))
