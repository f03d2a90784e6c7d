"""Scene to pixels: flat colour, antialiased by drawing each silhouette finer and averaging.

The picture at 32 px is what averaging the picture at 128 px would give, so a model may be trained at either size.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from limner_scenes.palette import BACKGROUND_RGB, shaded
from limner_scenes.scene import Scene, Thing
from limner_scenes.silhouettes import silhouette

FINE = 512
"""Silhouettes are drawn as if the picture had at least this many pixels a side, then averaged down."""


def render(scene: Scene, size: int) -> NDArray[np.uint8]:
    """Draw a scene as an sRGB array of shape (size, size, 3)."""
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = BACKGROUND_RGB[scene.background]
    for thing in scene.things:
        _paint(picture, thing)
    return (picture + 0.5).astype(np.uint8)


def coverage(thing: Thing, size: int) -> tuple[NDArray[np.float32], int, int]:
    """How much of each pixel a thing covers, in [0, 1], over the box it lies in; and that box's left and top pixel."""
    left, right = _pixel_range(thing.x, thing.scale, size)
    top, bottom = _pixel_range(thing.y, thing.scale, size)
    fineness = max(1, FINE // size)
    fine = PillowImage.new("L", ((right - left) * fineness, (bottom - top) * fineness))
    draw = ImageDraw.Draw(fine)
    for layer in silhouette(thing.shape):
        points = (layer.points * thing.scale + (thing.x, thing.y)) * size - (left, top)
        # Pillow names a pixel by its centre, we by its corner.
        draw.polygon((points * fineness - 0.5).ravel().tolist(), fill=255 if layer.filled else 0)
    return np.asarray(fine.reduce(fineness), np.float32) / np.float32(255), left, top


def _pixel_range(centre: float, scale: float, size: int) -> tuple[int, int]:
    reach = 1.15 * scale
    return max(0, math.floor((centre - reach) * size)), min(size, math.ceil((centre + reach) * size))


def _paint(picture: NDArray[np.float32], thing: Thing) -> None:
    alpha, left, top = coverage(thing, picture.shape[0])
    height, width = alpha.shape
    box = picture[top : top + height, left : left + width]
    box += alpha[:, :, None] * (np.array(shaded(thing.colour, thing.shade), np.float32) - box)
