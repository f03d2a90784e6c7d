"""Text as the networks want it: encoded, paired with what guidance moves away from, without padding, joined for a batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from limner import Generation, Models, TextConditioning

log = logging.getLogger(__name__)


class TextEncoder:
    """A model's CLIP text encoder and tokenizer. The empty prompt, which most guidance moves away from, is encoded once."""

    def __init__(self, models: Models, model: str, device: torch.device) -> None:
        self.tokenizer: Any = models.component(model, "tokenizer")  # transformers' tokenizers are untyped
        self.encoder: Any = models.component(model, "text_encoder")  # likewise its models
        self.space = models.space(model)
        self.device = device
        [self.empty] = self.encode([""])

    def conditioning(self, generation: Generation) -> TextConditioning:
        """The generation's text with its negative: as an earlier step left them in this space, else from its prompts."""
        given = generation.text
        if given is None or given.space != self.space:
            return self.conditionings([generation])[0]
        return given if given.negative is not None else replace(given, negative=self.empty)

    def conditionings(self, generations: Sequence[Generation]) -> list[TextConditioning]:
        """The prompts with their negatives, in one call of the network."""
        negatives = [generation.negative_prompt for generation in generations if generation.negative_prompt]
        encoded = iter(self.encode([generation.prompt for generation in generations] + negatives))
        texts = [next(encoded) for _ in generations]
        return [
            replace(text, negative=next(encoded) if generation.negative_prompt else self.empty)
            for generation, text in zip(generations, texts, strict=True)
        ]

    def encode(self, prompts: Sequence[str]) -> list[TextConditioning]:
        """The prompts alone. Words past the model's last token are not read."""
        length = self.tokenizer.model_max_length
        tokens = self.tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        masks = tokens.attention_mask.bool()
        if masks.all(dim=1).any():
            log.warning("a prompt fills all %d tokens of the model's text encoder; words after them are not read", length)
        with torch.no_grad():
            output = self.encoder(tokens.input_ids.to(self.device))
        rows = zip(output.last_hidden_state.float(), masks.to(self.device), output.text_embeds.float(), strict=True)
        return [TextConditioning(hidden, mask, pooled, self.space) for hidden, mask, pooled in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What a network is conditioned on: `tokens` (n, length, width), `mask` (n, length) bool, `vector` (n, dimension).

    n is 2 under guidance (what to move away from, then what towards), else 1.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    vector: torch.Tensor

    @property
    def guided(self) -> bool:
        """Whether the network must answer twice."""
        return len(self.tokens) == 2

    @classmethod
    def of_text(cls, text: TextConditioning, *, guided: bool, device: torch.device, dtype: torch.dtype) -> Conditioning:
        """Of a text, and of its negative if guided, as long as the longer of them: nothing attends to padding."""
        texts = [text] if text.negative is None or not guided else [text.negative, text]
        mask = torch.stack([t.mask for t in texts]).to(device)
        length = int(mask.any(dim=0).nonzero().max()) + 1
        return cls(
            tokens=torch.stack([t.tokens for t in texts])[:, :length].to(device, dtype),
            mask=mask[:, :length],
            vector=torch.stack([t.pooled for t in texts]).to(device, dtype),
        )

    @classmethod
    def join(cls, conditionings: Sequence[Conditioning]) -> Conditioning:
        """Those of a batch in one, each sample's rows together, padded to the longest."""
        if len(conditionings) == 1:
            return conditionings[0]
        length = max(c.tokens.shape[1] for c in conditionings)
        missing = [length - c.tokens.shape[1] for c in conditionings]
        return cls(
            tokens=torch.cat([functional.pad(c.tokens, (0, 0, 0, n)) for c, n in zip(conditionings, missing, strict=True)]),
            mask=torch.cat([functional.pad(c.mask, (0, n)) for c, n in zip(conditionings, missing, strict=True)]),
            vector=torch.cat([c.vector for c in conditionings]),
        )
