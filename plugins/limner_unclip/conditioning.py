"""Text as the networks want it: encoded, paired with what guidance moves away from, joined for a batch."""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence
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
        output = self.encoder(tokens.input_ids.to(self.device))
        rows = zip(output.last_hidden_state.float(), masks.to(self.device), output.text_embeds.float(), strict=True)
        return [TextConditioning(hidden, mask, pooled, self.space) for hidden, mask, pooled in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What a network is conditioned on: `tokens` (n, length, width), `mask` (n, length) bool, `vector` (n, dimension).

    n is 2 under guidance (what to move away from, then what towards), else 1. `text` is what it was made from.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    vector: torch.Tensor
    text: TextConditioning | None = None

    @property
    def guided(self) -> bool:
        """Whether the network must answer twice."""
        return len(self.tokens) == 2

    @classmethod
    def of_text(cls, text: TextConditioning, *, guided: bool, device: torch.device, dtype: torch.dtype) -> Conditioning:
        """Of a text, and of its negative if guided."""
        texts = [text.negative, text] if guided and text.negative is not None else [text]
        return cls(
            tokens=torch.stack([t.tokens for t in texts]).to(device, dtype),
            mask=torch.stack([t.mask for t in texts]).to(device),
            vector=torch.stack([t.pooled for t in texts]).to(device, dtype),
            text=text,
        )

    @classmethod
    def join(cls, conditionings: Sequence[Conditioning]) -> Conditioning:
        """Those of a batch in one, each sample's rows together, padded to the longest."""
        if len(conditionings) == 1:
            return conditionings[0]
        length = max(conditioning.tokens.shape[1] for conditioning in conditionings)
        padded = [conditioning.padded(length) for conditioning in conditionings]
        return cls(
            tokens=torch.cat([conditioning.tokens for conditioning in padded]),
            mask=torch.cat([conditioning.mask for conditioning in padded]),
            vector=torch.cat([conditioning.vector for conditioning in padded]),
        )

    def padded(self, length: int) -> Conditioning:
        """The same with hidden tokens after it, up to a length."""
        missing = length - self.tokens.shape[1]
        tokens, mask = functional.pad(self.tokens, (0, 0, 0, missing)), functional.pad(self.mask, (0, missing))
        return replace(self, tokens=tokens, mask=mask)

    def trimmed(self, *, avoid: Container[int] = ()) -> Conditioning:
        """The same without the padding that no row needs, and of no length to avoid: nothing attends to padding."""
        length = int(self.mask.any(dim=0).nonzero().max()) + 1
        while length in avoid and length < self.tokens.shape[1]:
            length += 1
        return replace(self, tokens=self.tokens[:, :length], mask=self.mask[:, :length])
