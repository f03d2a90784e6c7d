"""How far two images of one size lie apart."""

from __future__ import annotations

import math

from limner.generation import Image


def psnr(image: Image, other: Image) -> float:
    """The peak signal-to-noise ratio over all channels, in decibels; infinite where the pixels are equal.

    Raises ValueError for images of different sizes.
    """
    import numpy as np

    if image.size != other.size:
        raise ValueError(f"images of one size are compared, not {image!r} and {other!r}")
    apart = np.asarray(image.pillow(), np.float32) - np.asarray(other.pillow(), np.float32)
    error = float(np.mean(apart * apart))
    return 10 * math.log10(255**2 / error) if error else math.inf
