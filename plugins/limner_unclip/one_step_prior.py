"""What priors share that give an embedding at once, without diffusion: the text encoded, and all of a batch in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner import Embedding, Generation, ItemError, ModelRef, Models, Step, TextConditioning, hookimpl

if TYPE_CHECKING:
    import torch


class OneStepPriorOptions(limner.Options):
    """Options of `unclip.ridge_prior` and `unclip.direct_prior`."""

    model: ModelRef


class OneStepPrior(Step):
    """Gives the one embedding that its model holds most likely for a text: no seed changes it, and nothing guides it.

    A negative prompt goes with the text to the decoder, which guides by it.
    """

    Options = OneStepPriorOptions
    runs_on = "accelerator"
    max_batch = 32

    def load_text(self, models: Models, device: torch.device) -> None:
        """Load the text encoder."""
        from limner_unclip.conditioning import TextEncoder

        self.text = TextEncoder(models, self.options.model, device)
        self.device = device

    def embeddings(self, texts: Sequence[TextConditioning]) -> torch.Tensor:
        """An embedding for each text, (n, dimension)."""
        raise NotImplementedError

    @hookimpl
    def sample_prior(self, generations: Sequence[Generation]) -> list[tuple[Embedding, TextConditioning] | ItemError]:
        """An embedding for each text, with the text as it was encoded."""
        texts = [self.text.conditioning(generation) for generation in generations]
        vectors = self.embeddings(texts).float()
        return [(Embedding(vector, self.text.space), text) for vector, text in zip(vectors, texts, strict=True)]
