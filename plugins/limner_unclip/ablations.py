"""Two ways to do without a prior, to measure what it is worth (DALL·E 2, section 5.1 and figure 8).

They stand where a prior stands: `unclip.no_embedding` leaves the decoder the caption alone, `unclip.text_embedding` gives it
the text embedding as if it were an image's. Nobody wants their pictures; a comparison does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner import Embedding, Generation, ItemError, ModelRef, Models, Step, TextConditioning, hookimpl

if TYPE_CHECKING:
    import torch


class AblationOptions(limner.Options):
    """Options of both steps."""

    model: ModelRef


class Ablation(Step):
    """What stands in for a prior: the text encoded, and an embedding made of it without any network."""

    Options = AblationOptions
    runs_on = "accelerator"
    max_batch = 32

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the text encoder."""
        from limner_unclip.conditioning import TextEncoder

        self.text = TextEncoder(models, self.options.model, device)

    @hookimpl
    def sample_prior(self, generations: Sequence[Generation]) -> list[tuple[Embedding, TextConditioning] | ItemError]:
        """An embedding for each text, with the text as it was encoded."""
        texts = [self.text.conditioning(generation) for generation in generations]
        return [(Embedding(self.vector(text), self.text.space), text) for text in texts]

    def vector(self, text: TextConditioning) -> torch.Tensor:
        """What passes for an image embedding, (dimension,)."""
        raise NotImplementedError


class NoEmbedding(Ablation):
    """The null embedding, which the decoder learned for guidance: it draws from the caption alone."""

    type = "unclip.no_embedding"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the text encoder, and the null embedding from the decoder's projection."""
        super().load(models, device, dtype)
        text_proj = models.component(self.options.model, "text_proj")
        self.null: torch.Tensor = text_proj.learned_classifier_free_guidance_embeddings.detach().float().reshape(-1)

    def vector(self, text: TextConditioning) -> torch.Tensor:
        """The null embedding."""
        return self.null


class TextEmbedding(Ablation):
    """The text embedding, as long as image embeddings are: CLIP holds both in one space."""

    type = "unclip.text_embedding"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the text encoder, and how long image embeddings are from the statistics stored with the prior."""
        super().load(models, device, dtype)
        prior = models.component(self.options.model, "prior")
        mean, std = prior.clip_mean.detach().float(), prior.clip_std.detach().float()
        self.length = float((mean.square() + std.square()).sum().sqrt())

    def vector(self, text: TextConditioning) -> torch.Tensor:
        """The text embedding, rescaled."""
        return text.pooled * (self.length / float(text.pooled.norm()))
