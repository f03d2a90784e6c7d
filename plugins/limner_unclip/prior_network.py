"""The prior's Transformer, with what no denoising step changes computed once for a sample.

Its tokens are the text's, the text embedding, the timestep, the noised image embedding and a query, and each sees only those
before it. So the keys and values of text and text embedding are the same at every timestep: a step computes three tokens
instead of eighty-one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from limner import ModelError, TextConditioning
from limner_unclip.conditioning import Conditioning

HIDDEN = -10000.0
"""Added to the attention score of a token that must not be seen, as diffusers does."""

FORM = {"additional_embeddings": 4, "added_emb_type": "prd", "encoder_hid_proj_type": "linear"}
FORM |= {"norm_in_type": None, "embedding_proj_norm_type": None}


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
        length = max(p.bias.shape[-1] for p in prefixes)
        missing = [length - p.bias.shape[-1] for p in prefixes]
        return cls(
            keys=torch.cat([functional.pad(p.keys, (0, 0, 0, n)) for p, n in zip(prefixes, missing, strict=True)], dim=1),
            values=torch.cat([functional.pad(p.values, (0, 0, 0, n)) for p, n in zip(prefixes, missing, strict=True)], dim=1),
            bias=torch.cat([functional.pad(p.bias, (0, n), value=HIDDEN) for p, n in zip(prefixes, missing, strict=True)]),
        )


class PriorNetwork:
    """A diffusers PriorTransformer of unCLIP's form. Raises ModelError for one of another form, or without its statistics."""

    def __init__(self, transformer: Any, *, where: str) -> None:  # a diffusers PriorTransformer, which is untyped
        _check_form(transformer, where)
        self.net = transformer
        self.dimension: int = transformer.config.embedding_dim
        self.text_tokens: int = transformer.config.num_embeddings
        self.position = transformer.positional_embedding.detach()
        self.mean: torch.Tensor = transformer.clip_mean.detach().float()[0]
        self.std: torch.Tensor = transformer.clip_std.detach().float()[0]

    def prefix(self, text: Conditioning, source: TextConditioning) -> Prefix:
        """The tokens that come before the timestep, through all layers."""
        length = text.tokens.shape[1]
        tokens = [self.net.encoder_hidden_states_proj(text.tokens), self.net.embedding_proj(text.vector)[:, None]]
        positions = [self.position[:, :length], self.position[:, self.text_tokens, None]]
        x = torch.cat(tokens, dim=1) + torch.cat(positions, dim=1)
        bias = functional.pad((~text.mask).to(x.dtype) * HIDDEN, (0, 1))[:, None, None]
        keys, values = [], []
        for block in self.net.transformer_blocks:
            query, key, value = _projections(block, x)
            x = _rest(block, x, query, key, value, bias + _causal(length + 1, x))
            keys.append(key)
            values.append(value)
        return Prefix(torch.stack(keys), torch.stack(values), bias, source)

    def __call__(self, x: torch.Tensor, timesteps: torch.Tensor, prefix: Prefix) -> torch.Tensor:
        """The predicted image embedding, (n, dimension), for noised ones `x` (n, dimension) at timesteps (n,)."""
        time = self.net.time_embedding(self.net.time_proj(timesteps).to(x.dtype))
        query_token = self.net.prd_embedding.expand(len(x), -1, -1)
        x = torch.cat([time[:, None], self.net.proj_in(x)[:, None], query_token], dim=1)
        x = x + self.position[:, self.text_tokens + 1 :]
        own = _causal(3, x).expand(len(x), 1, 3, 3)
        bias = torch.cat([prefix.bias.expand(-1, 1, 3, -1), own], dim=-1)
        for block, keys, values in zip(self.net.transformer_blocks, prefix.keys, prefix.values, strict=True):
            query, key, value = _projections(block, x)
            x = _rest(block, x, query, torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2), bias)
        answer: torch.Tensor = self.net.proj_to_clip_embeddings(self.net.norm_out(x[:, -1]))
        return answer

    def denormalise(self, x: torch.Tensor) -> torch.Tensor:
        """A CLIP image embedding from what the diffusion works on, which has mean 0 and variance 1."""
        return x * self.std + self.mean


def _projections(block: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:  # a diffusers BasicTransformerBlock
    """The query, key and value of a layer's attention, each (n, heads, tokens, width)."""
    attention, normed = block.attn1, block.norm1(x)
    projected = (attention.to_q(normed), attention.to_k(normed), attention.to_v(normed))
    return tuple(t.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for t in projected)


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


def _check_form(transformer: Any, where: str) -> None:
    for key, value in FORM.items():
        if transformer.config[key] != value:
            raise ModelError(f"{key} is {transformer.config[key]!r}", where=where, fix=f"a prior of unCLIP has {value!r} there")
    if not bool(transformer.clip_std.any()):
        raise ModelError(
            "clip_std is all zeros, so every embedding would be the same",
            where=where,
            fix="store the standard deviation and mean of the training embeddings in clip_std and clip_mean",
        )
