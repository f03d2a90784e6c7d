"""Finding a mark in an image from anywhere: upright first, then turned, scaled and mirrored."""

from __future__ import annotations

import PIL.Image

from limner_watermark.detection import Found, fold, read
from limner_watermark.luma import Plane, luma, prepared
from limner_watermark.pattern import Pattern

LEAST_SIDE = 32  # pixels: a smaller image holds too little of a tile
MOST_SIDE = 2048  # of a larger image the middle is read


def read_upright(image: PIL.Image.Image, pattern: Pattern) -> tuple[Found, ...]:
    """The marks in an image that was neither turned nor scaled since it was marked; cropping is no matter."""
    if min(image.size) < LEAST_SIDE:
        return ()
    return read(fold(prepared(_middle(luma(image)))), pattern)


def _middle(plane: Plane) -> Plane:
    height, width = plane.shape
    top, left = max(0, height - MOST_SIDE) // 2, max(0, width - MOST_SIDE) // 2
    return plane[top : top + MOST_SIDE, left : left + MOST_SIDE]
