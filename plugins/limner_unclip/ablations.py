"""Two ways to do without a prior, to measure what it is worth (DALL·E 2, section 5.1 and figure 8).

They stand where a prior stands: `unclip.no_embedding` leaves the decoder the caption alone, `unclip.text_embedding` gives it
the text embedding as if it were an image's. Nobody wants their pictures; a comparison does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limner import Models, TextConditioning
from limner_unclip.one_step_prior import OneStepPrior

if TYPE_CHECKING:
    import torch


class NoEmbedding(OneStepPrior):
    """The null embedding, which the decoder learned for guidance: it draws from the caption alone."""

    type = "unclip.no_embedding"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the text encoder, and the null embedding from the decoder's projection."""
        self.load_text(models, device)
        text_proj = models.component(self.options.model, "text_proj")
        self.null: torch.Tensor = text_proj.learned_classifier_free_guidance_embeddings.detach().float().reshape(-1)

    def embeddings(self, texts: Sequence[TextConditioning]) -> torch.Tensor:
        """The null embedding, for each text."""
        return self.null.expand(len(texts), -1)


class TextEmbedding(OneStepPrior):
    """The text embedding, as long as image embeddings are: CLIP holds both in one space."""

    type = "unclip.text_embedding"

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the text encoder, and how long image embeddings are from the statistics stored with the prior."""
        self.load_text(models, device)
        prior = models.component(self.options.model, "prior")
        mean, std = prior.clip_mean.detach().float(), prior.clip_std.detach().float()
        self.length = float((mean.square() + std.square()).sum().sqrt())

    def embeddings(self, texts: Sequence[TextConditioning]) -> torch.Tensor:
        """The text embeddings, rescaled."""
        import torch
        from torch.nn import functional

        return self.length * functional.normalize(torch.stack([text.pooled for text in texts]), dim=-1)
