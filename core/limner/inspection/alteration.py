"""What of a picture was altered since it was made: all that saving, scaling, cropping, turning and toning do not explain.

The picture is laid on the one that is kept, brought to its brightness, contrast and saturation as a whole, and compared:
colours count as altered that differ from all that lie around the same place in the other, over some area. What is smaller than
about a twelfth of the side, or hardly fainter or brighter than what was there, is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from limner.generation import Image
from limner.inspection.filters import Array, box_mean, extreme, smoothed
from limner.inspection.fitting import line, outweighed
from limner.inspection.placement import SIDE, Placement, Transpose, placements

Mask = NDArray[np.bool_]

Kind = Literal["same", "altered", "other"]
SMOOTHING = 1.3  # pixels, of both: saving and noise leave less than DIFFERENT then
BLURS = (0.0, 1.5, 3.0)  # pixels by which the picture may be blurred more than the one that is kept
DIFFERENT = 22.0  # levels of 255
AREA, DENSITY = 5, 0.6  # the side of a square, in pixels, and the share of it that has to differ
LEAST_SHARE = 0.004  # of the picture; copies at 128 pixels come to .003
MOST_SHARE = 0.5  # of the picture: above, it is another one
FEWEST = 0.15  # of the picture that lies in the other
CORRELATED = 0.65  # what was not altered, at least: parts of other pictures hardly reach .5
FLAT = 4.0  # levels: the deviation below which there is nothing to correlate
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: what makes pictures grey keeps it
CLIPPED = 2.0  # levels from either end of the range: what lies there tells nothing of how it came there
SPARSE = 3  # of so many pixels one tells how the whole is toned
ROUNDS = 6  # of weighing what differs less
BLEEDING = 5.0  # pixels around the kept picture into which smoothing carries it
MARGIN = 0.05  # of the picture: what turning and rounding leave around it
CONTRAST = (0.6, 1.6)
SATURATION = (0.0, 1.4)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a picture stands to the one that is kept.

    `same`: it shows that one, or a part of it. `altered`: it does but for the `share` of it, 0 to 1, that lies within `box`,
    (left, top, right, bottom) in its own pixels, or was set into a larger picture, of which the share `beyond` lies around it.
    `other`: it shows something else. `part` is the share of the kept one that it shows.
    """

    kind: Kind
    share: float = 0.0
    box: tuple[int, int, int, int] | None = None
    part: float = 0.0
    beyond: float = 0.0


OTHER = Comparison("other", 1.0)


def compare(picture: Image, kept: Image) -> Comparison:
    """Lay the picture on the kept one wherever it may lie, and take the place at which the least of it is altered."""
    least = OTHER
    for placement in placements(_reduced(picture), _reduced(kept)):
        for blur in BLURS:
            found = _compared(placement, blur, picture.size)
            if found.kind == "same":
                return found
            if found.kind == "other":
                break
            least = min(least, found, key=lambda comparison: comparison.share)
    return least


def _reduced(picture: Image) -> PIL.Image.Image:
    """Not much larger than it is compared."""
    pillow = picture.pillow()
    return pillow.reduce(max(1, max(pillow.size) // (2 * SIDE)))


def _compared(placement: Placement, blur: float, size: tuple[int, int]) -> Comparison:
    inside = placement.near(0)
    if inside.mean() < FEWEST:
        return OTHER
    shown = smoothed(placement.part, SMOOTHING)
    made = _toned(placement.laid(smoothed(placement.whole, (SMOOTHING**2 + blur**2) ** 0.5)), shown, inside)
    altered = _altered(shown, made, inside)
    share = float(altered.sum() / inside.sum())
    if share > MOST_SHARE or not _correlate(shown, made, inside & ~altered):
        return OTHER
    part = min(1.0, inside.sum() / (placement.whole.shape[0] * placement.whole.shape[1]))
    beyond = _beyond(inside, shown[~placement.near(BLEEDING)])
    if share >= LEAST_SHARE:
        return Comparison("altered", share, _box(altered, placement, size), part, beyond)
    return Comparison("altered" if beyond else "same", part=part, beyond=beyond)


def _toned(made: Array, shown: Array, inside: Mask) -> Array:
    """What was made, in the contrast, brightness, saturation and tint of what is shown, as far as all of it has the same."""
    grey, aim = made @ LUMA, shown @ LUMA
    colour, wanted = made - grey[..., None], shown - aim[..., None]
    fair = inside & (shown.min(axis=2) > CLIPPED) & (shown.max(axis=2) < 255 - CLIPPED)
    fair = fair if fair.sum() > 0.2 * inside.sum() else inside
    contrast, brightness = _line(grey[fair][::SPARSE], aim[fair][::SPARSE])
    saturation, tint = _saturation(colour[fair][::SPARSE], wanted[fair][::SPARSE])
    toned: Array = np.clip(contrast * grey[..., None] + brightness + saturation * colour + tint, 0, 255)
    return toned


def _line(given: Array, wanted: Array) -> tuple[float, float]:
    contrast, brightness = 1.0, float(np.median(wanted - given))
    for _ in range(ROUNDS):
        contrast, brightness = line(given, wanted, outweighed(wanted - contrast * given - brightness), CONTRAST)
    return contrast, brightness


def _saturation(colour: Array, wanted: Array) -> tuple[float, Array]:
    """One factor for all channels, and what to add to each."""
    steps = np.linspace(*SATURATION, 15)
    saturation = float(min(steps, key=lambda step: np.minimum(np.abs(wanted - step * colour), DIFFERENT).sum()))
    tint = np.zeros(3)
    for _ in range(ROUNDS):
        weights = outweighed(wanted - saturation * colour - tint)
        tint = (weights * (wanted - saturation * colour)).sum(axis=0) / weights.sum(axis=0)
        along = (weights * colour * (wanted - tint)).sum() + 1  # 1 where there is no colour to tell from
        saturation = float(np.clip(along / ((weights * colour**2).sum() + 1), *SATURATION))
    return saturation, tint


def _altered(shown: Array, made: Array, inside: Mask) -> Mask:
    """Where either differs from all that lies around the same place in the other, over some area."""
    differences: list[Array] = [
        np.maximum(extreme(one, np.minimum) - other, other - extreme(one, np.maximum)).max(axis=2)
        for one, other in ((made, shown), (shown, made))
    ]
    different = (np.maximum(*differences) > DIFFERENT) & inside
    altered: Mask = (box_mean(different.astype(np.float64), AREA) >= DENSITY) & inside
    return altered


def _correlate(shown: Array, made: Array, where: Mask) -> bool:
    """Whether they go up and down together, or neither does."""
    one, other = shown.mean(axis=2)[where], made.mean(axis=2)[where]
    if one.std() < FLAT and other.std() < FLAT:
        return True
    return bool(one.std() > 0 and other.std() > 0 and np.corrcoef(one, other)[0, 1] >= CORRELATED)


def _beyond(inside: Mask, around: Array) -> float:
    """The share of the picture that lies outside the kept one, or 0 if it is no more than a margin, or a plain one."""
    share = float(1 - inside.mean())
    return 0.0 if share < MARGIN or not len(around) or around.std(axis=0).max() < 2 * FLAT else share


def _box(altered: Mask, placement: Placement, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The smallest box around what was altered, in the pixels of the picture as it was given."""
    mask = PIL.Image.fromarray(altered)
    if placement.flip is not None:
        mask = mask.transpose(_BACK.get(placement.flip, placement.flip))
    box = mask.getbbox()
    if box is None:
        return None
    wide, high = size[0] / mask.width, size[1] / mask.height
    left, top, right, bottom = box
    return int(left * wide), int(top * high), round(right * wide), round(bottom * high)


_BACK = {Transpose.ROTATE_90: Transpose.ROTATE_270, Transpose.ROTATE_270: Transpose.ROTATE_90}  # the others undo themselves
