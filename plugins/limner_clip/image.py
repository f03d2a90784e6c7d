"""The step `clip.image_concepts`: what was really drawn is looked at before it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import limner
from limner_clip.gate import ConceptGate

if TYPE_CHECKING:
    import PIL.Image
    import torch

MOST_VIEWS = 8
TOO_LONG = limner.ItemError(
    f"the image is so long that {MOST_VIEWS} squares do not cover it", fix="make images at most 4.5 times as long as wide"
)
NO_IMAGE = limner.ItemError("there is no image to look at", fix="put a decoder before this step")


class ImageConcepts(ConceptGate):
    """Embeds the image with the model's CLIP, at that encoder's own resolution, and measures it against each concept.

    CLIP sees squares, and its processor cuts off what lies beside the middle one. So an image that is not square is looked at
    in overlapping squares that cover it, and of each concept the highest of their scores counts.
    """

    type = "clip.image_concepts"

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts, and load image encoder and processor."""
        super().load(models, device, dtype)
        self._features = models.component(self.options.model, "feature_extractor")
        self._encoder = models.component(self.options.model, "image_encoder")
        self._device, self._dtype = device, dtype

    @limner.hookimpl
    def classify_image(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each image; an ItemError for one too long to be looked at as a whole."""
        looked_at = [_squares(generation.image) for generation in generations]
        every = [square for squares in looked_at if isinstance(squares, list) for square in squares]
        scores = iter(self.scores(self._embeddings(every)) if every else ())
        return [
            self.signals([next(scores) for _ in squares]) if isinstance(squares, list) else squares for squares in looked_at
        ]

    def _embeddings(self, squares: Sequence[PIL.Image.Image]) -> torch.Tensor:
        import torch

        pixels = self._features(images=list(squares), return_tensors="pt").pixel_values
        with torch.no_grad():
            embeddings: torch.Tensor = self._encoder(pixels.to(self._device, self._dtype)).image_embeds
        return embeddings


def _squares(image: limner.Image | None) -> list[PIL.Image.Image] | limner.ItemError:
    """The image in squares as wide as its short side, each overlapping the next by half or more."""
    if image is None:
        return NO_IMAGE
    width, height = image.size
    side, reach = min(width, height), max(width, height)
    count = -(-2 * reach // side) - 1
    if count > MOST_VIEWS:
        return TOO_LONG
    if count == 1:
        return [image.pillow()]
    starts = [round(index * (reach - side) / (count - 1)) for index in range(count)]
    corners = [(start, 0) if width > height else (0, start) for start in starts]
    return [image.pillow().crop((left, top, left + side, top + side)) for left, top in corners]
