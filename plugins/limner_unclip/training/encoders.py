"""The frozen CLIP that prior and decoder learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner import ConfigurationError
from limner_unclip.training.pool import Pool, Tokens

SLICE = 250  # more at once only costs memory


@dataclass(frozen=True, slots=True)
class Text:
    """Encoded texts: hidden states (n, length, width), pooled and projected (n, dimension), and which tokens are text."""

    hidden: torch.Tensor
    pooled: torch.Tensor
    mask: torch.Tensor


class Encoders:
    """The tokenizer and both encoders of a trained CLIP, in a run's folder."""

    def __init__(self, run: Path, device: torch.device) -> None:
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

        for part in ("tokenizer", "text_encoder", "image_encoder"):
            if not (run / part).is_dir():
                raise ConfigurationError(f"this run has no {part} yet", where=str(run), fix="train the clip stage first")
        self.tokenizer: Any = CLIPTokenizer.from_pretrained(run / "tokenizer")  # transformers is untyped here
        text: Any = CLIPTextModelWithProjection.from_pretrained(run / "text_encoder")  # their `to` is wrongly annotated
        image: Any = CLIPVisionModelWithProjection.from_pretrained(run / "image_encoder")
        self.text_encoder, self.image_encoder = text.to(device).eval(), image.to(device).eval()
        self.width = int(self.text_encoder.config.hidden_size)
        self.dimension = int(self.text_encoder.config.projection_dim)
        self.context = int(self.tokenizer.model_max_length)

    @torch.no_grad()
    def text(self, tokens: Tokens) -> Text:
        """Encode tokens."""
        output = self.text_encoder(input_ids=tokens.ids)
        return Text(output.last_hidden_state, output.text_embeds, tokens.mask)

    @torch.no_grad()
    def images(self, pool: Pool) -> torch.Tensor:
        """The image embeddings of a whole pool, (n, dimension), float32 on the CPU."""
        slices = (np.arange(start, min(start + SLICE, len(pool))) for start in range(0, len(pool), SLICE))
        return torch.cat([self.image_encoder(pixel_values=pool.images(rows)).image_embeds.cpu() for rows in slices])
