"""Image embeddings from a model's CLIP image encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from limner import Embedding, Image, Models
from limner_unclip.fitting import fitted


class ImageEmbedder:
    """A model's image encoder with its feature extractor. An image that is no square is fitted into one first."""

    def __init__(self, models: Models, model: str, device: torch.device, dtype: torch.dtype) -> None:
        self.encoder: Any = models.component(model, "image_encoder")  # transformers' models are untyped
        self.features: Any = models.component(model, "feature_extractor")  # likewise its processors
        self.space = models.space(model)
        self.side: int = self.encoder.config.image_size
        self.device, self.dtype = device, dtype

    def embed(self, images: Sequence[Image]) -> list[Embedding]:
        """The embedding of each image, not normalised."""
        squares = [self._square(image).pillow() for image in images]
        pixels = self.features(images=squares, return_tensors="pt").pixel_values.to(self.device, self.dtype)
        return [Embedding(vector, self.space) for vector in self.encoder(pixels).image_embeds.float()]

    def _square(self, image: Image) -> Image:
        width, height = image.size
        return image if width == height else Image(fitted(image, self.side, torch.device("cpu")))
