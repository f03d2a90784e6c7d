"""The frozen CLIP that prior and decoder learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner import ConfigurationError
from limner_unclip.training.digests import digest_of
from limner_unclip.training.pool import Pool, Tokens

PARTS = ("tokenizer", "text_encoder", "image_encoder")
SLICE = 250  # more at once only costs memory


@dataclass(frozen=True, slots=True)
class Text:
    """Encoded texts: hidden states (n, length, width), pooled and projected (n, dimension), and which tokens are text."""

    hidden: torch.Tensor
    pooled: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True, slots=True)
class Embedded:
    """A pool with the image embeddings of its pictures, (n, dimension), float32 on the CPU."""

    pool: Pool
    embeddings: torch.Tensor

    def embeddings_at(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Embeddings of some of the pictures, on the pool's device."""
        return self.embeddings[torch.from_numpy(rows)].to(self.pool.device)

    @property
    def mean(self) -> torch.Tensor:
        """(1, dimension)."""
        return self.embeddings.mean(0, keepdim=True)

    @property
    def std(self) -> torch.Tensor:
        """(1, dimension); raises ConfigurationError where a dimension says nothing: the CLIP has collapsed."""
        std = self.embeddings.std(0, keepdim=True)
        if not bool((std > 0).all()):
            raise ConfigurationError(
                "CLIP's image embeddings do not vary in some dimensions", fix="train CLIP anew, on more or different pictures"
            )
        return std


class Encoders:
    """The tokenizer and both encoders of a trained CLIP, in a run's folder."""

    def __init__(self, run: Path, device: torch.device) -> None:
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

        for part in PARTS:
            if not (run / part).is_dir():
                raise ConfigurationError(f"this run has no {part} yet", where=str(run), fix="train the clip stage first")
        self.tokenizer: Any = CLIPTokenizer.from_pretrained(run / "tokenizer")  # transformers is untyped here
        text: Any = CLIPTextModelWithProjection.from_pretrained(run / "text_encoder")  # their `to` is wrongly annotated
        image: Any = CLIPVisionModelWithProjection.from_pretrained(run / "image_encoder")
        self.text_encoder, self.image_encoder = text.to(device).eval(), image.to(device).eval()
        self.width = int(self.text_encoder.config.hidden_size)
        self.dimension = int(self.text_encoder.config.projection_dim)
        self.picture = int(self.image_encoder.config.image_size)
        self.context = int(self.tokenizer.model_max_length)
        self.digest = clip_digest(run)

    @torch.no_grad()
    def text(self, tokens: Tokens) -> Text:
        """Encode tokens."""
        output = self.text_encoder(input_ids=tokens.ids)
        return Text(output.last_hidden_state, output.text_embeds, tokens.mask)

    @torch.no_grad()
    def image(self, pixels: torch.Tensor) -> torch.Tensor:
        """The embeddings (n, dimension) of pictures (n, 3, side, side) in [-1, 1]."""
        embeddings: torch.Tensor = self.image_encoder(pixel_values=pixels).image_embeds
        return embeddings

    def embedded(self, pool: Pool) -> Embedded:
        """A pool with its embeddings."""
        return Embedded(pool, self.images(pool))

    def images(self, pool: Pool) -> torch.Tensor:
        """The image embeddings of a whole pool, (n, dimension), float32 on the CPU."""
        slices = (np.arange(start, min(start + SLICE, len(pool))) for start in range(0, len(pool), SLICE))
        return torch.cat([self.image(pool.images(rows)).cpu() for rows in slices])


def clip_digest(run: Path) -> str:
    """Hex SHA-256 of a run's CLIP: what priors and decoder stand on."""
    return digest_of(run / part for part in PARTS)
