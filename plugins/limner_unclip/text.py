"""`unclip.text`: encodes the prompt with a model's CLIP text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner import Generation, ItemError, ModelRef, Models, Step, TextConditioning, hookimpl

if TYPE_CHECKING:
    import torch


class TextOptions(limner.Options):
    """Options of `unclip.text`."""

    model: ModelRef


class Text(Step):
    """Encodes prompt and negative prompt, once for every step that follows."""

    type = "unclip.text"
    Options = TextOptions
    runs_on = "accelerator"
    max_batch = 32

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load tokenizer and text encoder."""
        from limner_unclip.conditioning import TextEncoder

        self.text = TextEncoder(models, self.options.model, device)

    @hookimpl
    def encode_text(self, generations: Sequence[Generation]) -> list[TextConditioning | ItemError]:
        """Tokens, mask and pooled embedding of each prompt, with those of its negative."""
        return list(self.text.conditionings(generations))
