"""Images as CLIP sees them: in squares that cover the whole of each, embedded by the model's image encoder.

CLIP's processor cuts off what lies beside the middle square. So an image that is not square is looked at in overlapping
squares, and what a step tells of it is the most that one of them shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import limner

if TYPE_CHECKING:
    import PIL.Image
    import torch

MOST_VIEWS = 8
TOO_LONG = limner.ItemError(
    f"the image is so long that {MOST_VIEWS} squares do not cover it", fix="make images at most 4.5 times as long as wide"
)


class ImageEncoder:
    """A model's CLIP image encoder with its processor."""

    def __init__(self, models: limner.Models, model: str, device: torch.device, dtype: torch.dtype) -> None:
        self._features: Any = models.component(model, "feature_extractor")  # transformers' processors are untyped
        self._encoder: Any = models.component(model, "image_encoder")  # likewise its models
        self._device, self._dtype = device, dtype

    def embeddings(self, views: Sequence[PIL.Image.Image]) -> torch.Tensor:
        """The embeddings of square images, (n, dimension)."""
        import torch

        pixels = self._features(images=list(views), return_tensors="pt").pixel_values
        with torch.no_grad():
            embeddings: torch.Tensor = self._encoder(pixels.to(self._device, self._dtype)).image_embeds
        return embeddings


def squares(image: limner.Image) -> list[PIL.Image.Image] | limner.ItemError:
    """The image in squares as wide as its short side, each overlapping the next by half or more; TOO_LONG if too many."""
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
