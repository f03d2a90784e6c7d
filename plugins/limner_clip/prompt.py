"""The step `clip.prompt_concepts`: what the prompt means is looked at, whatever words it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner_clip.gate import ConceptGate

if TYPE_CHECKING:
    import torch


class PromptConcepts(ConceptGate):
    """Embeds the prompt with the model's CLIP text encoder and measures it against each concept.

    A prompt longer than the model reads at once is looked at in overlapping windows; the highest of their scores counts. Texts
    lie nearer to each other than to images, so this gate wants thresholds of its own.
    """

    type = "clip.prompt_concepts"

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts, and load text encoder and tokenizer."""
        from limner_clip.zero_shot import TextEncoder

        super().load(models, device, dtype)
        self._texts = TextEncoder(models, self.options.model, device)

    @limner.hookimpl
    def filter_prompt(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each prompt."""
        import torch

        windows = [self._texts.windows(generation.prompt) for generation in generations]
        scores = iter(self.scores(torch.cat(windows)))
        return [self.signals([next(scores) for _ in each]) for each in windows]
