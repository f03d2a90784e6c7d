"""Naming a colour by the nearest of the world's colours in OKLab, or saying that none is near.

OKLab (B. Ottosson, 2020) rather than CIELAB: in it blue and purple are as far apart as red and orange are. Values are
times 100, so that lightness runs from 0 to 100.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limner_scenes.palette import COLOUR_RGB
from limner_scenes.worlds import PLAIN

Array = NDArray[np.float64]

FURTHEST = 12.0
"""A colour further than this from every named one has no name."""
CLEAR_LEAD = 3.0
"""A colour whose two nearest names differ in distance by less than this has no name either."""
DARKEST = 20
"""Levels of red, green and blue below this look the same: all of them are black."""

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


def nearest_colour(rgb: ArrayLike) -> NDArray[np.intp]:
    """Index, among the world's colours, of the one nearest to each sRGB value; of shape (...)."""
    return np.asarray(_distances(rgb).argmin(-1))


def name_colour(rgb: ArrayLike) -> str | None:
    """The name of one sRGB value of shape (3,); None where no name is near, or two are about as near."""
    distance = _distances(np.maximum(rgb, DARKEST))
    best, second = (int(index) for index in np.argsort(distance)[:2])
    if distance[best] > FURTHEST or distance[second] - distance[best] < CLEAR_LEAD:
        return None
    return _NAMES[best]


_NAMES = PLAIN.colours


def _distances(rgb: ArrayLike) -> Array:
    return np.asarray(np.linalg.norm(oklab(rgb)[..., None, :] - _named(), axis=-1))


@cache
def _named() -> Array:
    return oklab([COLOUR_RGB[name] for name in _NAMES])
