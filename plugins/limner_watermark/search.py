"""Finding marks in an image from anywhere: upright; turned by up to 13 degrees or by right angles, scaled, mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image

from limner_watermark.detection import Found, fold, places, read, waves
from limner_watermark.geometry import ENOUGH_FOR_PEAKS, Pose, likely_poses, nearby, upright
from limner_watermark.luma import Plane, luma, prepared
from limner_watermark.pattern import Pattern

LEAST_SIDE = 32  # pixels: a smaller image holds too little of a tile
LEAST_SEARCHED = 80  # where less is known, more is needed
MOST_SIDE = 2048  # of a larger image the middle is read
SEARCHED_SIDE = 1024  # and a smaller middle is searched
ZOOMS = (1.0, 1 / 1.6, 1.6)  # with the scales that are looked for at once, from a half to double
PROMISING = 4.5  # standard deviations by which the sync stands out; 4 is what chance gives
SIDES = tuple((quarters, mirrored) for quarters in range(4) for mirrored in (False, True))
BEYOND_DOUBT = 9.0
FOLLOWED = 2  # views
CLOSING_IN = (3.0, 1.0)  # fine steps


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at a plane: at a pose, then turned by `quarters` of a circle, then mirrored or not."""

    pose: Pose
    quarters: int = 0
    mirrored: bool = False

    def placed(self, plane: Plane) -> Plane:
        """An upright plane as it is seen. A folded one may be placed as well as what it was folded from."""
        turned = np.rot90(plane, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)


def read_upright(image: PIL.Image.Image, pattern: Pattern) -> tuple[Found, ...]:
    """The marks in an image that was neither turned nor scaled since it was marked; cropping is no matter."""
    if min(image.size) < LEAST_SIDE:
        return ()
    return read(fold(prepared(_middle(luma(image), MOST_SIDE))), pattern)


def search(image: PIL.Image.Image, pattern: Pattern) -> tuple[Found, ...]:
    """The marks in an image that was turned, scaled or mirrored. Takes a second where `read_upright` takes a hundredth."""
    if min(image.size) < LEAST_SEARCHED:
        return ()
    grey = image.convert("L")
    for zoom in ZOOMS:
        size = round(grey.width * zoom), round(grey.height * zoom)
        if min(size) < LEAST_SEARCHED:
            continue
        resized = grey if zoom == 1.0 else grey.resize(size, PIL.Image.Resampling.LANCZOS)
        if found := _searched(_middle(np.asarray(resized, np.float32), SEARCHED_SIDE), pattern):
            return found
    return ()


def _searched(plane: Plane, pattern: Pattern) -> tuple[Found, ...]:
    ready = prepared(plane)
    for score, view in _promising(ready, pattern):
        for closer in (view, *_closed_in(ready, view, score, pattern)):
            if found := read(fold(prepared(closer.placed(upright(plane, closer.pose)))), pattern):
                return found
    return ()


def _promising(ready: Plane, pattern: Pattern) -> list[tuple[float, View]]:
    """The views in which the sync stands out, the best first; all others are left when one is beyond doubt."""
    scored: list[tuple[float, View]] = []
    for pose, sides in ((Pose(1.0, 0.0), SIDES), *_likely(ready)):
        folded = fold(upright(ready, pose))
        views = [View(pose, *side) for side in sides]
        scored += [(_stands_out(view.placed(folded), pattern), view) for view in views]
        if max(score for score, _ in scored[-len(views) :]) >= BEYOND_DOUBT:
            break
    scored.sort(key=lambda one: -one[0])
    return [(score, view) for score, view in scored[:FOLLOWED] if score >= PROMISING]


def _likely(ready: Plane) -> list[tuple[Pose, Sequence[tuple[int, bool]]]]:
    """The poses to try, each with its sides: a lattice looks the same from four sides and in a mirror."""
    sides = SIDES if min(ready.shape) >= ENOUGH_FOR_PEAKS else SIDES[:1]
    return [(pose, sides) for pose in likely_poses(ready)]


def _stands_out(folded: Plane, pattern: Pattern) -> float:
    """By how many standard deviations the sync stands out in a folded plane."""
    [place] = places(waves(folded, pattern), pattern, count=1)
    return place.score


def _closed_in(ready: Plane, view: View, score: float, pattern: Pattern) -> Iterator[View]:
    """Views ever nearer to the one in which the sync stands out most."""
    for step in CLOSING_IN:
        tried = [View(pose, view.quarters, view.mirrored) for pose in nearby(view.pose, step)]
        scores = [_stands_out(one.placed(fold(upright(ready, one.pose))), pattern) for one in tried]
        if max(scores) > score:
            score, view = max(scores), tried[int(np.argmax(scores))]
            yield view


def _middle(plane: Plane, most: int) -> Plane:
    height, width = plane.shape
    top, left = max(0, height - most) // 2, max(0, width - most) // 2
    return plane[top : top + most, left : left + most]
