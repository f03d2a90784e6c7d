"""Finding the things in a picture: what differs from the background, by colour, then by connection.

Edges may be soft, as in pictures made by a model: each pixel is taken to be a mixture of the background and one of the
colours present, and the share of that colour is how far the thing covers it. So a blurred edge between red and white
is red at half cover, not pink.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from limner_scenes.perceptual import nearest_colour, oklab

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 128
"""Pictures are read at this many pixels a side."""
SPECK = 0.006
"""Anything smaller than this share of the picture is ignored; the smallest thing drawn covers 0.02."""
LEAST_CONTRAST = 7.0
"""Anything nearer to the background than this, in OKLab, belongs to it; yellow on beige is at 14."""
CORE = 0.85
"""A pixel shows its thing's own colour, not an edge, if it contrasts this much as strongly as any pixel around it."""
REACH = 6
"""How far around, in pixels: wider than half of the softest edge, narrower than the gap between two things."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One connected piece of one colour: its cover of each pixel in [0, 1], shape (SIDE, SIDE), and its sRGB value."""

    cover: Picture
    rgb: Picture


def segments(image: NDArray[np.uint8]) -> list[Segment]:
    """Find the things in a square sRGB image of shape (n, n, 3), n at least 32; specks are left out."""
    picture = _at_reading_size(image)
    background = _background(picture)
    colours = _colours_present(picture, background)
    if not len(colours):
        return []
    owner, cover = _unmix(picture, background, colours)
    covers = [np.where(owner == index, cover, 0) for index in range(len(colours))]
    return [_segment(picture, own, piece) for own in covers for piece in _connected(own > 0.5)]


def _at_reading_size(image: NDArray[np.uint8]) -> Picture:
    if image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[2] != 3 or image.shape[0] < 32:
        raise ValueError(f"a picture to be read is square, RGB and at least 32 px a side, not of shape {image.shape}")
    resized = PillowImage.fromarray(image).resize((SIDE, SIDE), PillowImage.Resampling.BICUBIC)
    return np.asarray(resized.filter(ImageFilter.BoxBlur(1)), np.float32)


def _background(picture: Picture) -> Picture:
    border = np.concatenate([picture[:3].reshape(-1, 3), picture[-3:].reshape(-1, 3)])
    sides = np.concatenate([picture[:, :3].reshape(-1, 3), picture[:, -3:].reshape(-1, 3)])
    return np.asarray(np.median(np.concatenate([border, sides]), axis=0), np.float32)


def _colours_present(picture: Picture, background: Picture) -> Picture:
    """The sRGB value of each colour that enough pixels show unmixed; shape (colours, 3)."""
    contrast = np.linalg.norm(oklab(picture) - oklab(background), axis=-1)
    core = (contrast > LEAST_CONTRAST) & (contrast >= CORE * _highest_around(contrast, REACH))
    values = picture[core]
    names = nearest_colour(values)
    groups = [values[names == name] for name in np.unique(names)]
    shown = [np.median(group, axis=0) for group in groups if len(group) >= SPECK * SIDE**2]
    return np.array(shown, np.float32).reshape(-1, 3)


def _highest_around(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """The highest value in the square around each pixel; any type that can be compared."""
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if here == axis else (0, 0) for here in (0, 1)])
        values = sliding_window_view(padded, 2 * reach + 1, axis=axis).max(-1)
    return values


def _unmix(picture: Picture, background: Picture, colours: Picture) -> tuple[NDArray[np.intp], Picture]:
    """For each pixel, the colour that with the background explains it best, and that colour's share in it."""
    offset = picture - background
    direction = colours - background
    share = np.clip(offset @ direction.T / (direction**2).sum(-1), 0, 1)
    residual = ((offset[..., None, :] - share[..., None] * direction) ** 2).sum(-1)
    owner = residual.argmin(-1)
    return owner, np.take_along_axis(share, owner[..., None], -1)[..., 0]


def _segment(picture: Picture, cover: Picture, piece: Mask) -> Segment:
    inmost = piece & (cover >= 0.9 * cover[piece].max())
    # Two things of one colour may differ in shade, so each has its own full cover.
    own = np.minimum(cover / np.median(cover[inmost]), 1) * _grown(piece)
    return Segment(own, np.asarray(np.median(picture[inmost], axis=0), np.float32))


def _connected(mask: Mask) -> list[Mask]:
    """The 4-connected pieces of a mask that are no specks: labels spread along rows and columns until they settle."""
    label = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    settled = False
    while not settled:
        spread = _highest_in_run(_highest_in_run(label, mask).T, mask.T).T
        settled = bool((spread == label).all())
        label = spread
    values, counts = np.unique(label[mask], return_counts=True)
    return [label == value for value, count in zip(values, counts, strict=True) if count >= SPECK * mask.size]


def _highest_in_run(label: NDArray[np.int_], mask: Mask) -> NDArray[np.int_]:
    """Give each unbroken run of the mask within a row the highest label in it."""
    starts = np.flatnonzero(np.diff(mask, axis=1, prepend=~mask[:, :1]))
    highest = np.maximum.reduceat(label.ravel(), starts)
    return np.repeat(highest, np.diff(starts, append=label.size)).reshape(label.shape)


def _grown(piece: Mask) -> Mask:
    """The piece and the soft edge around it."""
    return _highest_around(piece, REACH - 1)
