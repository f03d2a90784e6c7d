"""How far apart two colours look: their distance in OKLab.

OKLab (B. Ottosson, 2020) rather than CIELAB: in it blue and purple are as far apart as red and orange are. Values are
times 100, so that lightness runs from 0 to 100.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: ArrayLike) -> Array:
    """Turn sRGB levels in [0, 255], of shape (..., 3), into OKLab times 100."""
    level = np.asarray(rgb, np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    lightness_and_opponents: Array = 100 * np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T
    return lightness_and_opponents
