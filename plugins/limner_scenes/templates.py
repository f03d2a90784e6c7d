"""Naming a silhouette by its overlap with rendered ones, or saying that it is none of them.

Every silhouette is brought to one area and one centre, then compared with each shape at several softnesses, sizes and
shifts. The similarity is the soft intersection over union (sum of minima over sum of maxima) in [0, 1]. A name is given
only where the best shape is similar enough by itself and clearly more so than the next. How similar is enough depends
on the shape: any blob overlaps a circle well, few overlap a moon, so a shape whose nearest rival is close has to be
matched more closely.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from limner_scenes.render import coverage
from limner_scenes.scene import Thing
from limner_scenes.worlds import PLAIN

Cover = NDArray[np.float32]

GRID = 40
"""Silhouettes are compared on a grid of this many cells a side…"""
REACH = 1.15
"""…that reaches this far from the centre, where 1 is the side of the square with the silhouette's area."""
LEAST_SIMILARITY = 0.82
"""No shape is named below this similarity…"""
LIKE_ITSELF = 0.4
"""…nor where the silhouette has not come this much of the way from the shape's nearest rival to the shape itself."""
CLEAR_LEAD = 0.06
"""Nor where the next shape is as similar, but for this."""

_SOFTNESS = (0.0, 0.04, 0.08, 0.12)
_SIZES = (0.94, 1.0, 1.06)
_SHIFTS = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class Likeness:
    """The shape a silhouette is most like, how like it is, and by how much it leads the next."""

    shape: str
    similarity: float
    lead: float

    @property
    def name(self) -> str | None:
        """The shape, where the likeness is good enough to say so."""
        alike = self.similarity >= _least_similarity()[self.shape] and self.lead >= CLEAR_LEAD
        return self.shape if alike else None


def likeness(cover: Cover) -> Likeness:
    """Compare a silhouette, its cover of each pixel in [0, 1] and of shape (n, n), with every shape."""
    similarity = _similarity(normalised(cover))
    best, second = np.argsort(similarity)[::-1][:2]
    return Likeness(PLAIN.kinds[best], float(similarity[best]), float(similarity[best] - similarity[second]))


def centre(cover: Cover) -> tuple[float, float]:
    """The centre of mass of a silhouette, (x, y) in fractions of the picture's side."""
    side = (np.arange(len(cover)) + 0.5) / len(cover)
    mass = cover.sum()
    return float(cover.sum(0) @ side / mass), float(cover.sum(1) @ side / mass)


def normalised(cover: Cover, size: float = 1.0) -> Cover:
    """Bring a silhouette to the grid of comparison: its centre of mass in the middle, its area `size` squared."""
    pixels = len(cover)
    reach = REACH * float(np.sqrt(cover.sum())) / size
    x, y = (pixels * (1 + place) for place in centre(cover))
    # Room to look beyond the edge of the picture, where there is nothing.
    roomy = PillowImage.fromarray(np.pad(cover, pixels))
    box = (x - reach, y - reach, x + reach, y + reach)
    return np.asarray(roomy.resize((GRID, GRID), PillowImage.Resampling.BILINEAR, box=box))


@cache
def _templates() -> tuple[Cover, Cover]:
    """All variants of all shapes, of shape (shapes, variants, GRID²), and the area of each."""
    variants = np.stack([_variants(shape) for shape in PLAIN.kinds])
    return variants, variants.sum(-1)


@cache
def _least_similarity() -> dict[str, float]:
    demands = {}
    for shape in PLAIN.kinds:
        rival = np.sort(_similarity(normalised(_drawn(shape))))[-2]
        demands[shape] = max(LEAST_SIMILARITY, float(rival + LIKE_ITSELF * (1 - rival)))
    return demands


def _similarity(silhouette: Cover) -> Cover:
    """How like each shape a normalised silhouette is, by the variant that fits best; of shape (shapes,)."""
    templates, area = _templates()
    shared = np.minimum(templates, silhouette.ravel()).sum(-1)
    return np.asarray((shared / (area + silhouette.sum() - shared)).max(-1))


def _variants(shape: str) -> Cover:
    sharp = _drawn(shape)
    grids = [normalised(_softened(sharp, softness), size) for softness, size in product(_SOFTNESS, _SIZES)]
    shifted = [np.roll(grid, (dy, dx), (0, 1)) for grid in grids for dy, dx in product(_SHIFTS, _SHIFTS)]
    return np.stack([grid.ravel() for grid in shifted])


def _drawn(shape: str) -> Cover:
    return coverage(Thing(shape, "black", "large", 0.5, 0.5, 0.4), 160)


def _softened(cover: Cover, softness: float) -> Cover:
    sigma = softness * float(np.sqrt(cover.sum()))
    levels = PillowImage.fromarray((cover * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(levels, np.float32) / np.float32(255)
