"""Whether a picture is told from the one that is kept: copies after each attack, altered ones, and others.

On the pictures and attacks of `watermarks.py`, unmarked. Altered ones are looked at as they are, and cropped, scaled and saved.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import PIL.Image
import PIL.ImageDraw
from PIL.ImageFilter import GaussianBlur
from watermarks import ATTACKS, Attack, Picture, cropped, pictures, saved, scaled

from limner import Image
from limner.inspection.alteration import Comparison, Kind, compare

Draw = Callable[[PIL.ImageDraw.ImageDraw, int], None]
Compared = Iterable[tuple[str, Comparison]]
Seconds = dict[Kind, list[float]]  # of processor time

OTHER_COPIES: Mapping[str, tuple[Attack, ...]] = {
    "right angles, mirrored": tuple(lambda p, how=how: p.transpose(how) for how in PIL.Image.Transpose),
    "turned on a larger page": (lambda p: p.rotate(7, PIL.Image.Resampling.BICUBIC, expand=True),),
    "grey": (lambda p: p.convert("L").convert("RGB"),),
    "brighter, darker": (lambda p: p.point(lambda v: min(255, int(v * 1.2 + 10))), lambda p: p.point(lambda v: int(v * 0.8))),
    "blur of a 42nd of the side": (lambda p: p.filter(GaussianBlur(p.width / 42)),),
}


def drawn(draw: Draw) -> Attack:
    def altered(picture: Picture) -> Picture:
        picture = picture.copy()
        draw(PIL.ImageDraw.Draw(picture), picture.width)
        return picture

    return altered


def recoloured(picture: Picture) -> Picture:
    pixels = np.asarray(picture).copy()
    part = slice(picture.width // 4, picture.width // 2)
    pixels[part, part] = pixels[part, part][:, :, [1, 2, 0]]
    return PIL.Image.fromarray(pixels)


def copied_over(picture: Picture) -> Picture:
    quarter = picture.width // 4
    altered = picture.copy()
    altered.paste(picture.crop((2 * quarter, 2 * quarter, 3 * quarter, 3 * quarter)), (quarter // 2, quarter // 2))
    return altered


def blurred_in_part(picture: Picture) -> Picture:
    box = (round(picture.width * 0.3),) * 2 + (round(picture.width * 0.6),) * 2
    altered = picture.copy()
    altered.paste(picture.crop(box).filter(GaussianBlur(picture.width / 16)), box)
    return altered


ALTERATIONS: Mapping[str, Attack] = {
    "a black bar": drawn(lambda d, n: d.rectangle((n * 0.1, n * 0.42, n * 0.9, n * 0.55), (0, 0, 0))),
    "a line, a 24th of the side wide": drawn(lambda d, n: d.line((n * 0.3, n * 0.8, n * 0.7, n * 0.2), (10, 10, 10), n // 24)),
    "an ellipse, a fifth of the side": drawn(lambda d, n: d.ellipse((n * 0.6, n * 0.5, n * 0.8, n * 0.7), (40, 160, 60))),
    "a square, an eighth of the side": drawn(lambda d, n: d.rectangle((n * 0.2, n * 0.2, n * 0.32, n * 0.32), (240, 240, 240))),
    "a part in other colours": recoloured,
    "a part of it copied over another": copied_over,
    "a part blurred": blurred_in_part,
}


def plain(side: int) -> dict[str, Picture]:
    """Pictures that show nothing, but may have lost or been given a mark."""
    ramp = PIL.Image.linear_gradient("L").resize((side, side)).convert("RGB")
    return {"ramp": ramp, "ramp, turned": ramp.rotate(90), "blank": PIL.Image.new("RGB", (side, side), (120, 130, 140))}


def tell(what: str, wanted: Kind, compared: Compared) -> None:
    found = list(compared)
    missed = Counter(name for name, comparison in found if comparison.kind != wanted)
    names = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in missed.items())
    share = 1 - missed.total() / len(found)
    print(f"{what:42} {wanted} {share:7.1%} of {len(found)}{'  not: ' if names else ''}{names}", flush=True)


def after(ways: Iterable[Attack], given: Mapping[str, Picture], seconds: Seconds) -> Iterator[tuple[str, Comparison]]:
    for name, picture in given.items():
        for way in ways:
            yield name, timed(way(picture), picture, seconds)


def as_posted(picture: Picture) -> Picture:
    return saved(scaled(cropped(picture, 0.9), 0.9), "JPEG", 75)


def timed(picture: Picture, kept: Picture, seconds: Seconds) -> Comparison:
    before = time.process_time()
    found = compare(Image(picture), Image(kept))
    seconds[found.kind].append(time.process_time() - before)
    return found


def others(given: Mapping[str, Picture], seconds: Seconds) -> Iterator[tuple[str, Comparison]]:
    names = list(given)
    for step in (1, 3, 5):
        for name, other in zip(names, names[step:] + names[:step], strict=True):
            yield f"{name} for {other}", timed(given[name], given[other], seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512)
    side = parser.parse_args().side
    given = pictures(side, textures=False)
    seconds: Seconds = {"same": [], "altered": [], "other": []}
    for name, ways in {**{name: ways for name, (_, ways) in ATTACKS.items()}, **OTHER_COPIES}.items():
        tell(name, "same", after(ways, given, seconds))
    for name, way in ALTERATIONS.items():
        tell(name, "altered", after((way, lambda p, way=way: as_posted(way(p))), given, seconds))
    tell("another picture", "other", others(given, seconds))
    for name, picture in plain(side).items():
        tell(name, "other", ((kept, timed(picture, shown, seconds)) for kept, shown in given.items()))
    for kind, times in seconds.items():
        print(f"{kind}: {statistics.median(times):.2f} s of processor time, at most {max(times):.2f}, {len(times)} pictures")


if __name__ == "__main__":
    main()
