"""Images of any size and shape in the square of a model, and back.

An image is scaled until its longer side is the square's, set in the middle, and what is left of the square is filled by
repeating its edge: nothing is cut off, and nothing is stretched.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from limner import Image
from limner_unclip.pixels import resized


@dataclass(frozen=True, slots=True)
class Fit:
    """Where an image of `size` (width, height) lies in a square of `side` pixels: `box` is left, top, width, height."""

    size: tuple[int, int]
    side: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in the square."""
        width, height = (max(1, round(length * self.side / max(self.size))) for length in self.size)
        return (self.side - width) // 2, (self.side - height) // 2, width, height

    def into(self, image: torch.Tensor, device: torch.device) -> torch.Tensor:
        """The image (channels, height, width) in the square, within the range it had: (channels, side, side), float32."""
        left, top, width, height = self.box
        scaled = resized(image, (height, width), device).clamp(float(image.min()), float(image.max()))
        margins = (left, self.side - left - width, top, self.side - top - height)
        return functional.pad(scaled[None], margins, mode="replicate")[0]

    def out_of(self, square: torch.Tensor) -> torch.Tensor:
        """The part of a square (channels, side, side) that shows the image."""
        left, top, width, height = self.box
        return square[:, top : top + height, left : left + width]


def fitted(image: Image, side: int, device: torch.device) -> torch.Tensor:
    """An image in a square of `side` pixels: (3, side, side), float32, in [-1, 1]."""
    return Fit(image.size, side).into(image.tensor(), device)
