"""The fingerprint of an image: a 64-bit perceptual hash that scaling, re-saving and light retouching hardly change.

It is the DCT hash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), as pHash has it:
luma at 32 x 32, its discrete cosine transform, and for each of the 8 x 8 lowest frequencies past the constant ones a bit that
says whether it lies above their median. It sees no colour, and a crop or a rotation changes it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from limner.generation import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 64
SIDE = 32  # of the small grey image
LOWEST = range(1, 9)  # the frequencies kept in each direction; those at 0 are brightness and plain gradients
DECIMALS = 3  # of a coefficient: below that it is rounding, and a blank image must not get random bits


def fingerprint(image: Image) -> int:
    """The image's perceptual hash, 64 bits, unsigned. A blank image, of whatever colour, has 0."""
    import numpy as np
    import PIL.Image

    small = image.pillow().convert("L").resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
    basis = _cosines()
    coefficients = np.round(basis @ np.asarray(small, dtype=np.float64) @ basis.T, DECIMALS)
    return int.from_bytes(np.packbits(coefficients > np.median(coefficients)).tobytes(), "big")


def distance(a: int, b: int) -> int:
    """How many of the 64 bits differ. Copies of one image lie within about 10; unrelated photographs around 32."""
    return (a ^ b).bit_count()


@cache
def _cosines() -> NDArray[np.float64]:
    """Rows of the orthonormal DCT-II of length SIDE, for the frequencies kept."""
    import numpy as np

    frequencies, places = np.array(LOWEST)[:, None], np.arange(SIDE)[None, :]
    rows: NDArray[np.float64] = np.cos(np.pi * frequencies * (2 * places + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    return rows
