"""Small images as arrays, and the few filters that comparing them takes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import PIL.Image
from numpy.typing import NDArray

Array = NDArray[np.float64]  # (rows, columns), or (rows, columns, 3)


def resized(picture: PIL.Image.Image, width: int, height: int) -> Array:
    """The picture at that size, 0 to 255; each pixel the mean of those it is made of."""
    return np.asarray(picture.resize((width, height), PIL.Image.Resampling.BOX), np.float64)


def smoothed(pixels: Array, sigma: float) -> Array:
    """Blurred by a Gaussian, edges continued; as it is for a `sigma` of 0."""
    if sigma == 0:
        return pixels
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = _padded(pixels, reach, axis)
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=axis)
        pixels = windows @ weights
    return pixels


def extreme(pixels: Array, choose: Callable[[Array, Array], Array]) -> Array:
    """Of each pixel and its eight neighbours the least (`np.minimum`) or the largest (`np.maximum`)."""
    for axis in (0, 1):
        padded = _padded(pixels, 1, axis)
        length = pixels.shape[axis]
        before, at, after = (padded.take(range(i, i + length), axis) for i in range(3))
        pixels = choose(choose(before, at), after)
    return pixels


def box_mean(pixels: Array, side: int) -> Array:
    """The mean over the square of `side` pixels, odd, around each; beyond the edges lies 0."""
    return window_sums(np.pad(pixels, side // 2), side, side) / side**2


def window_sums(pixels: Array, rows: int, columns: int) -> Array:
    """The sum over every window of so many rows and columns."""
    total: Array = np.pad(pixels, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]


def grid(shape: tuple[int, ...], stride: int = 1) -> tuple[Array, Array]:
    """Column and row of each of so many rows and columns of pixels, of which every `stride` one was kept."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64) * stride
    return columns, rows


def mapped(matrix: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Where the affine map `matrix`, (2, 3), takes places (x, y)."""
    return matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2], matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]


def within(shape: tuple[int, ...], x: Array, y: Array, reach: float = 0) -> NDArray[np.bool_]:
    """Which places (x, y) lie in pixels of that shape, or around them by no more than `reach`."""
    found: NDArray[np.bool_] = (x >= -reach) & (x <= shape[1] - 1 + reach) & (y >= -reach) & (y <= shape[0] - 1 + reach)
    return found


def sampled(pixels: Array, x: Array, y: Array) -> Array:
    """Between the pixels, linearly, at places (x, y) of which those outside take the edge's."""
    rows, columns = pixels.shape[:2]
    x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    left, top = np.minimum(x.astype(int), columns - 2), np.minimum(y.astype(int), rows - 2)
    along, down = x - left, y - top
    if pixels.ndim > x.ndim:
        along, down = along[..., None], down[..., None]
    upper = pixels[top, left] * (1 - along) + pixels[top, left + 1] * along
    lower = pixels[top + 1, left] * (1 - along) + pixels[top + 1, left + 1] * along
    between: Array = upper * (1 - down) + lower * down
    return between


def _padded(pixels: Array, reach: int, axis: int) -> Array:
    widths = [(reach, reach) if i == axis else (0, 0) for i in range(pixels.ndim)]
    return np.pad(pixels, widths, mode="edge")
