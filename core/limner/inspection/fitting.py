"""Fitting one grey picture to another by an affine map, to a fraction of a pixel, whatever was painted over a part of it.

Gauss-Newton on the differences of brightness, as B. D. Lucas and T. Kanade, "An Iterative Image Registration Technique" (1981),
from coarse to fine; pixels that differ much weigh little, and brightness and contrast may differ as a whole.
"""

from __future__ import annotations

import numpy as np

from limner.inspection.filters import Array, grid, mapped, sampled, smoothed, within

LEVELS = ((4.0, 4), (2.0, 2), (1.2, 2))  # pixels of smoothing, and of how many each row and column one is looked at
ROUNDS = 12  # at each level
STILL = 0.01  # pixels: a round that moves nothing by more is the last
FEWEST = 30  # pixels in common
STRETCH = 1.12  # by which scales may differ from those guessed; who needs more forces another picture to fit
CONTRAST = (0.5, 2.0)  # of the part to the whole's
ROBUST = 3.0  # standard deviations of the differences at which a pixel weighs half


def fitted(part: Array, whole: Array, matrix: Array) -> Array | None:
    """The map (2, 3) from the part's pixels to the whole's, from a guess some pixels off. None where none is near."""
    for sigma, stride in LEVELS:
        aim, field = smoothed(part, sigma)[::stride, ::stride], smoothed(whole, sigma)
        slopes = np.stack([field, np.gradient(field, axis=1), np.gradient(field, axis=0)], axis=2)
        for _ in range(ROUNDS):
            step = _step(aim, stride, slopes, matrix)
            if step is None:
                return None
            matrix = matrix + step
            if max(abs(step[:, 2]).max(), abs(step[:, :2]).max() * max(part.shape)) < STILL:
                break
    stretches = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return matrix if stretches.min() > 1 / STRETCH and stretches.max() < STRETCH else None


def _step(aim: Array, stride: int, slopes: Array, matrix: Array) -> Array | None:
    """What to add to the matrix. `slopes` are the whole, and how it changes along a row and down a column."""
    columns, rows = grid(aim.shape, stride)
    x, y = mapped(matrix, columns, rows)
    common = within(slopes.shape, x, y)
    if common.sum() < FEWEST:
        return None
    laid, along, down = sampled(slopes, x[common], y[common]).T
    contrast, differences, weights = _brought_level(laid, aim[common])
    column, row = columns[common], rows[common]
    jacobian = contrast * np.stack([along * column, along * row, along, down * column, down * row, down], axis=1)
    weighted = jacobian * weights[:, None]
    normal = weighted.T @ jacobian
    normal[np.diag_indices(6)] += 1e-4 * normal.diagonal() + 1e-6
    return np.asarray(np.linalg.solve(normal, weighted.T @ differences), np.float64).reshape(2, 3)


def _brought_level(laid: Array, wanted: Array) -> tuple[float, Array, Array]:
    """The contrast that brings one to the other, what differs then, and what each pixel weighs."""
    contrast, brightness = 1.0, float(np.median(wanted - laid))
    for _ in range(3):
        differences = wanted - (contrast * laid + brightness)
        weights = outweighed(differences)
        contrast, brightness = line(laid, wanted, weights, CONTRAST)
    differences = wanted - (contrast * laid + brightness)
    return contrast, differences, outweighed(differences)


def outweighed(differences: Array) -> Array:
    """Weights that let what differs most count least: 1 to 0."""
    scale = max(2.0, ROBUST * 1.4826 * float(np.median(np.abs(differences))))
    weights: Array = 1 / (1 + (differences / scale) ** 2)
    return weights


def line(given: Array, wanted: Array, weights: Array, slopes: tuple[float, float]) -> tuple[float, float]:
    """Slope, within `slopes`, and height of the weighted line through points."""
    total = weights.sum()
    middle, height = (weights * given).sum() / total, (weights * wanted).sum() / total
    spread = (weights * (given - middle) ** 2).sum()
    slope = ((weights * (given - middle) * (wanted - height)).sum() + 1) / (spread + 1)  # 1 where there is nothing to tell from
    slope = float(np.clip(slope, *slopes))
    return slope, float(height - slope * middle)
