"""The prior's Transformer with what no denoising step changes computed once.

Its tokens are the text's, the text embedding, the timestep, the noised image embedding and a query, and each sees only those
before it. So the keys and values of text and text embedding are the same at every timestep, and a step computes three tokens
instead of eighty-one. Equal to the network's own way up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from limner import TextConditioning
from limner_unclip.conditioning import Conditioning
from limner_unclip.prior_network import PriorNetwork

HIDDEN = -10000.0
"""Added to the attention score of a token that must not be seen, as diffusers does."""


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """Text and text embedding as every layer sees them: `keys` and `values` (layers, n, heads, length, width).

    `bias` (n, 1, 1, length) hides padding; n is 2 under guidance, else 1. `text` is what it was made from.
    """

    keys: torch.Tensor
    values: torch.Tensor
    bias: torch.Tensor
    text: TextConditioning | None = None

    @property
    def guided(self) -> bool:
        """Whether the network must answer twice."""
        return len(self.bias) == 2

    @classmethod
    def join(cls, prefixes: Sequence[Prefix]) -> Prefix:
        """Those of a batch in one, each sample's rows together, padded to the longest."""
        if len(prefixes) == 1:
            return prefixes[0]
        length = max(prefix.bias.shape[-1] for prefix in prefixes)
        padded = [prefix.padded(length) for prefix in prefixes]
        return cls(
            keys=torch.cat([prefix.keys for prefix in padded], dim=1),
            values=torch.cat([prefix.values for prefix in padded], dim=1),
            bias=torch.cat([prefix.bias for prefix in padded]),
        )

    def padded(self, length: int) -> Prefix:
        """The same with hidden tokens after it, up to a length."""
        missing = length - self.bias.shape[-1]
        keys, values = (functional.pad(t, (0, 0, 0, missing)) for t in (self.keys, self.values))
        return Prefix(keys, values, functional.pad(self.bias, (0, missing), value=HIDDEN), self.text)


class CachedPrior(PriorNetwork):
    """A prior whose `condition` takes the text through all layers, so that a step need not."""

    def __init__(self, transformer: Any, *, where: str) -> None:  # a diffusers PriorTransformer, which is untyped
        super().__init__(transformer, where=where)
        self.text_tokens: int = transformer.config.num_embeddings
        self.positions: torch.Tensor = transformer.positional_embedding.detach()

    def condition(self, text: Conditioning) -> Prefix:
        """The tokens that come before the timestep's, through all layers; padding is left out."""
        text = text.trimmed()
        length = text.tokens.shape[1]
        tokens = [
            self.transformer.encoder_hidden_states_proj(text.tokens),
            self.transformer.embedding_proj(text.vector)[:, None],
        ]
        positions = [self.positions[:, :length], self.positions[:, self.text_tokens, None]]
        x = torch.cat(tokens, dim=1) + torch.cat(positions, dim=1)
        bias = functional.pad((~text.mask).to(x.dtype) * HIDDEN, (0, 1))[:, None, None]
        seen = bias + _causal(length + 1, x)
        keys, values = [], []
        for block in self.transformer.transformer_blocks:
            query, key, value = _projections(block, x)
            x = _rest(block, x, query, key, value, seen)
            keys.append(key)
            values.append(value)
        return Prefix(torch.stack(keys), torch.stack(values), bias, text.text)

    def __call__(self, x: torch.Tensor, timesteps: torch.Tensor, text: Prefix) -> torch.Tensor:
        """The predicted embeddings, (n, dimension), for noised ones `x` (n, dimension) at timesteps (n,)."""
        net, n = self.transformer, len(x)
        time = net.time_embedding(net.time_proj(timesteps).to(x.dtype))
        x = torch.cat([time[:, None], net.proj_in(x)[:, None], net.prd_embedding.expand(n, -1, -1)], dim=1)
        x = x + self.positions[:, self.text_tokens + 1 :]
        bias = torch.cat([text.bias.expand(-1, 1, 3, -1), _causal(3, x).expand(n, 1, 3, 3)], dim=-1)
        for block, keys, values in zip(net.transformer_blocks, text.keys, text.values, strict=True):
            query, key, value = _projections(block, x)
            x = _rest(block, x, query, torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2), bias)
        answer: torch.Tensor = net.proj_to_clip_embeddings(net.norm_out(x[:, -1]))
        return answer


def _projections(block: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:  # a diffusers BasicTransformerBlock
    """The query, key and value of a layer's attention, each (n, heads, tokens, width)."""
    attention, normed = block.attn1, block.norm1(x)
    projected = (attention.to_q(normed), attention.to_k(normed), attention.to_v(normed))
    return tuple(t.view(*t.shape[:2], attention.heads, -1).transpose(1, 2) for t in projected)


def _rest(
    block: Any, x: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """A layer's attention and feed-forward network, given its projections."""
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    x = x + block.attn1.to_out[0](attended.transpose(1, 2).flatten(2))
    fed: torch.Tensor = block.ff(block.norm3(x))
    return x + fed


def _causal(length: int, like: torch.Tensor) -> torch.Tensor:
    return like.new_full((length, length), HIDDEN).triu(1)
