"""The network of the one-step prior: a Transformer over the text's tokens, its embedding and a query, whose place is read out.

ECLIPSE (arXiv 2312.04655) also feeds it noise. A squared error teaches a network to ignore that, so here there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import nn

from limner import ModelError


@dataclass(frozen=True, slots=True)
class DirectSizes:
    """Its sizes: of embeddings, of the text's hidden states, the most tokens of a text, and its own."""

    dimension: int
    text_width: int
    context: int
    width: int
    layers: int
    heads: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:  # JSON
        """From a config.json. Raises ModelError naming a size that is missing."""
        try:
            return cls(**{field.name: int(config[field.name]) for field in fields(cls)})
        except KeyError as error:
            raise ModelError(f"its config.json lacks {error}", where="direct_prior", fix="train the component again") from None

    def config(self) -> dict[str, int]:
        """As config.json holds them."""
        return asdict(self)


class DirectNetwork(nn.Module):
    """Predicts the normalised image embedding; `mean` and `std` (dimension,) are those of the embeddings it learned from."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, sizes: DirectSizes) -> None:
        super().__init__()
        self.sizes, width = sizes, sizes.width
        self.of_tokens = nn.Linear(sizes.text_width, width)
        self.of_embedding = nn.Linear(sizes.dimension, width)
        self.query = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, sizes.context + 2, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, sizes.heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, sizes.dimension)
        self.register_buffer("mean", torch.zeros(sizes.dimension))
        self.register_buffer("std", torch.ones(sizes.dimension))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Normalised embeddings, (n, dimension), of texts.

        `tokens` (n, length, text_width) are their hidden states, `mask` (n, length) tells text from padding, and `pooled`
        (n, dimension) are their embeddings.
        """
        read = [self.of_embedding(pooled)[:, None], self.query.expand(len(pooled), -1, -1), self.of_tokens(tokens)]
        x = torch.cat(read, dim=1)
        hidden = torch.cat([mask.new_zeros(len(mask), 2), ~mask], dim=1)
        x = self.layers(x + self.positions[:, : x.shape[1]], src_key_padding_mask=hidden)
        predicted: torch.Tensor = self.answer(self.norm(x[:, 1]))
        return predicted

    def denormalised(self, x: torch.Tensor) -> torch.Tensor:
        """CLIP image embeddings from normalised ones."""
        return x * self.std + self.mean
