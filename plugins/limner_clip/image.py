"""The step `clip.image_concepts`: what was really drawn is looked at before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner_clip.gate import ConceptGate
from limner_clip.views import ImageEncoder, squares

if TYPE_CHECKING:
    import torch

NO_IMAGE = limner.ItemError("there is no image to look at", fix="put a decoder before this step")


class ImageConcepts(ConceptGate):
    """Embeds the image with the model's CLIP, at that encoder's own resolution, and measures it against each concept.

    An image that is not square is looked at in squares that cover it (`limner_clip.views`); the highest of their scores counts.
    """

    type = "clip.image_concepts"

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts, and load image encoder and processor."""
        super().load(models, device, dtype)
        self._images = ImageEncoder(models, self.options.model, device, dtype)

    @limner.hookimpl
    def classify_image(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each image; an ItemError for one too long to be looked at as a whole."""
        looked_at = [squares(generation.image) if generation.image else NO_IMAGE for generation in generations]
        every = [view for views in looked_at if isinstance(views, list) for view in views]
        scores = iter(self.scores(self._images.embeddings(every)) if every else ())
        return [self.signals([next(scores) for _ in views]) if isinstance(views, list) else views for views in looked_at]
