"""How a marked picture was turned and scaled, as the repetition of its tiles tells.

A picture that holds several tiles looks a little like itself one tile further on: its autocorrelation has peaks on a square
lattice, whose side and direction are those of the tiles now (M. Kutter, "Watermarking resistant to translation, rotation and
scaling", 1998). One that holds hardly more than one tile has no such peaks, and all poses are tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from limner_watermark.luma import Plane
from limner_watermark.pattern import TILE

SCALES = (0.78, 1.29)  # looked for at once; pictures further off are first resized
MOST_TURN = 13.0  # degrees
LAG = 256  # pixels: the longest that is looked at
ENOUGH_FOR_PEAKS = 190  # pixels of the shorter side
COARSE = (0.008, 0.4)  # steps of scale, relative, and of turn, in degrees
FINE = (0.001, 0.05)
SINGLE = (0.02, 1.25)  # the steps for a picture of one tile, which a pose may miss by more
KEPT = 10  # candidates
APART = (0.02, 1.0)  # between candidates


@dataclass(frozen=True, slots=True)
class Pose:
    """How a picture stands: `scale` times its size when it was marked, turned clockwise by `turn` degrees."""

    scale: float
    turn: float


def likely_poses(prepared: Plane) -> list[Pose]:
    """The poses to try on a prepared plane, the likeliest first; all of a grid where one tile is all there is."""
    if min(prepared.shape) < ENOUGH_FOR_PEAKS:
        return [Pose(float(scale), float(turn)) for scale, turn in _grid(SINGLE)]
    similarity = _similarity(prepared)
    grid = _grid(COARSE)
    scores = _lattice_scores(similarity, grid)
    return [_sharpened(similarity, Pose(*map(float, grid[at]))) for at in _best(grid, scores)]


def upright(plane: Plane, pose: Pose) -> Plane:
    """A plane turned and scaled back."""
    height, width = plane.shape
    size = max(1, round(width / pose.scale)), max(1, round(height / pose.scale))
    along, across = pose.scale * math.cos(math.radians(pose.turn)), pose.scale * math.sin(math.radians(pose.turn))
    left = width / 2 - along * size[0] / 2 + across * size[1] / 2
    top = height / 2 - across * size[0] / 2 - along * size[1] / 2
    affine = (along, -across, left, across, along, top)
    turned = PIL.Image.fromarray(plane).transform(
        size, PIL.Image.Transform.AFFINE, affine, PIL.Image.Resampling.BICUBIC, fillcolor=float(plane.mean())
    )
    return np.asarray(turned, np.float32)


def nearby(pose: Pose, step: float) -> Iterator[Pose]:
    """The eight poses around one, `step` times the fine steps off."""
    for scale in (-1, 0, 1):
        for turn in (-1, 0, 1):
            if scale or turn:
                yield Pose(pose.scale * (1 + scale * step * FINE[0]), pose.turn + turn * step * FINE[1])


def _grid(steps: tuple[float, float]) -> NDArray[np.float64]:
    """Scale and turn of every pose, (n, 2)."""
    scales = np.exp(np.arange(math.log(SCALES[0]), math.log(SCALES[1]), steps[0]))
    turns = np.arange(-MOST_TURN, MOST_TURN + steps[1] / 2, steps[1])
    return np.stack(np.meshgrid(scales, turns, indexing="ij"), axis=-1).reshape(-1, 2)


def _similarity(prepared: Plane) -> Plane:
    """The autocorrelation (2 LAG - 1, 2 LAG - 1), no lag in the middle, evened out for how much of the picture overlaps."""
    height, width = prepared.shape
    shape = height + LAG, width + LAG
    power = np.abs(np.fft.rfft2(prepared - prepared.mean(), shape)) ** 2
    correlation = np.fft.fftshift(np.fft.irfft2(power, shape))
    middle = shape[0] // 2, shape[1] // 2
    reach = min(LAG, height // 2 + LAG // 2, width // 2 + LAG // 2) - 1
    cut = correlation[middle[0] - reach : middle[0] + reach + 1, middle[1] - reach : middle[1] + reach + 1]
    lags = np.abs(np.arange(-reach, reach + 1))
    overlap = np.maximum(height - lags, 1)[:, None] * np.maximum(width - lags, 1)[None, :]
    even = cut / np.sqrt(overlap)
    far = even[np.hypot(lags[:, None], lags[None, :]) > TILE / 2]
    evened: Plane = (even / (far.std() + 1e-9)).astype(np.float32)
    return evened


def _lattice_scores(similarity: Plane, poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each pose's lattice points add up to."""
    reach = similarity.shape[0] // 2
    side, turn = TILE * poses[:, 0], np.radians(poses[:, 1])
    x, y = side * np.cos(turn), side * np.sin(turn)
    total = np.zeros(len(poses))
    for i, j in ((1, 0), (0, 1), (1, 1), (1, -1)):
        total += _between(similarity, reach + i * y + j * x, reach + i * x - j * y)
    return total


def _between(plane: Plane, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values between pixels, by linear interpolation; nothing outside."""
    inside = (rows >= 0) & (columns >= 0) & (rows < plane.shape[0] - 1) & (columns < plane.shape[1] - 1)
    row, column = np.where(inside, rows, 0).astype(np.intp), np.where(inside, columns, 0).astype(np.intp)
    down, right = rows - row, columns - column
    upper = plane[row, column] * (1 - right) + plane[row, column + 1] * right
    lower = plane[row + 1, column] * (1 - right) + plane[row + 1, column + 1] * right
    return np.where(inside, upper * (1 - down) + lower * down, 0)


def _best(grid: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """The best poses that are no neighbours of a better one."""
    kept: list[int] = []
    for at in np.argsort(-scores)[: 40 * KEPT].tolist():
        scale, turn = grid[at]
        if all(abs(scale / grid[other][0] - 1) > APART[0] or abs(turn - grid[other][1]) > APART[1] for other in kept):
            kept.append(at)
        if len(kept) == KEPT:
            break
    return kept


def _sharpened(similarity: Plane, pose: Pose) -> Pose:
    """The best pose within one coarse step."""
    scales = pose.scale * (1 + np.arange(-COARSE[0], COARSE[0] + FINE[0] / 2, FINE[0]))
    turns = pose.turn + np.arange(-COARSE[1], COARSE[1] + FINE[1] / 2, FINE[1])
    around = np.stack(np.meshgrid(scales, turns, indexing="ij"), axis=-1).reshape(-1, 2)
    scale, turn = around[int(_lattice_scores(similarity, around).argmax())]
    return Pose(float(scale), float(turn))
