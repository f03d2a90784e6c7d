"""`unclip.image_encoder`: embeds the input image with a model's CLIP image encoder, for variations and blends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner import Embedding, Generation, ItemError, ModelRef, Models, Step, hookimpl

if TYPE_CHECKING:
    import torch


class ImageEncoderOptions(limner.Options):
    """Options of `unclip.image_encoder`."""

    model: ModelRef


class ImageEncoder(Step):
    """Embeds the input image of role `image`."""

    type = "unclip.image_encoder"
    Options = ImageEncoderOptions
    runs_on = "accelerator"
    max_batch = 32

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load image encoder and feature extractor."""
        model = self.options.model
        self.encoder = models.component(model, "image_encoder")
        self.features = models.component(model, "feature_extractor")
        self.space = models.space(model)
        self.device, self.dtype = device, dtype

    @hookimpl
    def encode_image(self, generations: Sequence[Generation]) -> list[Embedding | ItemError]:
        """The embedding of each input image, not normalised; an ItemError where there is none."""
        images = [image.pillow() for generation in generations if (image := generation.input("image")) is not None]
        if not images:
            return [NO_IMAGE] * len(generations)
        pixels = self.features(images=images, return_tensors="pt").pixel_values.to(self.device, self.dtype)
        vectors = iter(self.encoder(pixels).image_embeds.float())
        return [
            NO_IMAGE if generation.input("image") is None else Embedding(next(vectors), self.space)
            for generation in generations
        ]


NO_IMAGE = ItemError("the request has no input image to embed", fix="give one in the role image")
