"""Whether one picture shows another, whole or a part of it: what tells a cropped copy from a mark put on to something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limner.generation import Image
from limner.images.fingerprint import distance, fingerprint
from limner.images.likeness import ALIKE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 96  # pixels of the longer side of the whole, when they are compared
PARTS = tuple(step / 100 for step in range(100, 44, -3))  # of the whole's width that the part may be
ENOUGH = 0.65  # correlation: parts of the same photograph stay above it when turned a little, others hardly reach 0.5


def shows(part: Image, whole: Image) -> bool:
    """Whether `part` is a copy of `whole` or of a part of it, re-saved, scaled, somewhat turned or not."""
    if distance(fingerprint(part), fingerprint(whole)) <= ALIKE:
        return True
    return best_match(part, whole) >= ENOUGH


def best_match(part: Image, whole: Image) -> float:
    """The largest normalised cross-correlation, at most 1, of `part` at any place and of any size in PARTS of `whole`.

    J. P. Lewis, "Fast normalized cross-correlation" (1995). A picture without any contrast matches nothing.
    """
    scale = SIDE / max(whole.size)
    width, height = (max(8, round(side * scale)) for side in whole.size)
    field = _grey(whole, width, height)
    best = 0.0
    for share in PARTS:
        columns = round(width * share)
        rows = round(columns * part.size[1] / part.size[0])
        if 8 <= rows <= height and columns >= 8:
            best = max(best, _correlation(field, _grey(part, columns, rows)))
    return best


def _grey(image: Image, width: int, height: int) -> NDArray[np.float64]:
    import numpy as np
    import PIL.Image

    return np.asarray(image.pillow().convert("L").resize((width, height), PIL.Image.Resampling.BOX), np.float64)


def _correlation(field: NDArray[np.float64], part: NDArray[np.float64]) -> float:
    import numpy as np

    rows, columns = part.shape
    centred = part - part.mean()
    size = float(np.sqrt((centred**2).sum()))
    shape = field.shape
    products = np.fft.irfft2(np.fft.rfft2(field) * np.fft.rfft2(centred, shape).conj(), shape)
    places = (slice(0, shape[0] - rows + 1), slice(0, shape[1] - columns + 1))
    squares = _sums(field**2, rows, columns) - _sums(field, rows, columns) ** 2 / (rows * columns)
    return float((products[places] / np.maximum(np.sqrt(np.maximum(squares, 0)) * size, 1.0)).max())


def _sums(field: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The sum over every window of so many rows and columns."""
    import numpy as np

    total: NDArray[np.float64] = np.pad(field, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
