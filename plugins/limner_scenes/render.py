"""Scene to pixels, antialiased by drawing everything finer and averaging.

The picture at 32 px is what averaging the picture at 128 px would give, so a model may be trained at either size.
"""

import math

import numpy as np
from numpy.typing import NDArray

from limner_scenes.palette import shaded
from limner_scenes.places import paint_setting
from limner_scenes.scene import Scene, Thing
from limner_scenes.silhouettes import placed
from limner_scenes.styles import body_mask, finished, paint_thing, wash

FINE = 256
"""Pictures are drawn at this many pixels a side at least…"""
FINENESS = 4
"""…and at this many times the side asked for, then averaged down."""


def render(scene: Scene, size: int) -> NDArray[np.uint8]:
    """Draw a scene as an sRGB array of shape (size, size, 3); what is first among its things is in front."""
    fineness = _fineness(size)
    rng = np.random.default_rng(scene.detail)
    picture = paint_setting(scene.setting, size * fineness, wash(scene.style), rng)
    for thing in reversed(scene.things):
        paint_thing(scene.style, picture, placed(thing), shaded(thing.colour, thing.shade), rng)
    return np.array(finished(scene.style, picture).reduce(fineness))


def coverage(thing: Thing, size: int) -> NDArray[np.float32]:
    """How much of each pixel a thing covers, in [0, 1], of shape (size, size)."""
    fineness = _fineness(size)
    return np.asarray(body_mask(placed(thing), size * fineness).reduce(fineness), np.float32) / np.float32(255)


def _fineness(size: int) -> int:
    return max(FINENESS, math.ceil(FINE / size))
