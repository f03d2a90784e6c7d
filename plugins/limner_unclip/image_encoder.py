"""`unclip.image_encoder`: embeds the input image with a model's CLIP image encoder, for variations, edits and blends."""

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
        from limner_unclip.image_embedding import ImageEmbedder

        self.embedder = ImageEmbedder(models, self.options.model, device, dtype)

    @hookimpl
    def encode_image(self, generations: Sequence[Generation]) -> list[Embedding | ItemError]:
        """The embedding of each input image, not normalised; an ItemError where there is none."""
        images = [image for generation in generations if (image := generation.input("image")) is not None]
        vectors = iter(self.embedder.embed(images) if images else ())
        return [NO_IMAGE if generation.input("image") is None else next(vectors) for generation in generations]


NO_IMAGE = ItemError("the request has no input image to embed", fix="give one in the role image")
