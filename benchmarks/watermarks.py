"""How often the invisible mark's id is read exactly after each attack, on photographs and our scenes, beside published marks.

The photographs are those that scikit-image, scikit-learn, matplotlib and PyWavelets ship, found without importing them:
`pip install --no-deps scikit-image scikit-learn matplotlib PyWavelets`. The peers run with `--peers`, where
`pip install --no-deps invisible-watermark blind-watermark` and `pip install opencv-python-headless PyWavelets` were run.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import PIL.Image
from PIL.ImageFilter import GaussianBlur

from limner import Image
from limner.images.difference import psnr
from limner_scenes.render import render
from limner_scenes.scene import KINDS, SETTINGS, STYLES, Scene, Thing
from limner_watermark.embedding import embed
from limner_watermark.invisible import InvisibleOptions, mark
from limner_watermark.pattern import pattern
from limner_watermark.search import read_upright, search

Picture = PIL.Image.Image
Attack = Callable[[Picture], Picture]
Mark = Callable[[Picture, int], Picture]
Read = Callable[[Picture], "int | None"]

KEY = b"a key for measuring only, 32 B.."
SAMPLES = (  # package, folder, names, suffix
    ("skimage", "data", "astronaut camera cell chelsea coffee coins color ihc moon motorcycle_left page text", ".png"),
    ("skimage", "data", "hubble_deep_field retina rocket", ".jpg"),
    ("sklearn", "datasets/images", "china flower", ".jpg"),
    ("matplotlib", "mpl-data/sample_data", "grace_hopper", ".jpg"),
    ("pywt", "data", "ascent aero", ".npz"),
)
TEXTURES = (("skimage", "data", "brick grass gravel", ".png"),)  # nothing but texture: counted apart
SCENES = 6


def pictures(side: int, textures: bool) -> dict[str, Picture]:
    """Square RGB pictures by name: photographs, or with `textures` those, and scenes of our own."""
    found = {name: square(open_sample(path), side) for name, path in samples(textures)}
    return found if textures else {**found, **{f"scene {number}": scene(number, side) for number in range(SCENES)}}


def samples(textures: bool) -> Iterator[tuple[str, Path]]:
    for package, folder, names, suffix in TEXTURES if textures else SAMPLES:
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or []) if spec else []:
            yield from ((name, path) for name in names.split() if (path := Path(root) / folder / f"{name}{suffix}").exists())


def open_sample(path: Path) -> Picture:
    return PIL.Image.fromarray(np.load(path)["data"].astype(np.uint8)) if path.suffix == ".npz" else PIL.Image.open(path)


def square(picture: Picture, side: int) -> Picture:
    least = min(picture.size)
    left, top = (picture.width - least) // 2, (picture.height - least) // 2
    cut = picture.convert("RGB").crop((left, top, left + least, top + least))
    return cut.resize((side, side), PIL.Image.Resampling.LANCZOS)


def scene(number: int, side: int) -> Picture:
    one = Thing(KINDS[number], "red", "large", 0.32, 0.45, 0.22)
    other = Thing(KINDS[-3 - number], "blue", "small", 0.75, 0.6, 0.14)
    return PIL.Image.fromarray(
        render(Scene(SETTINGS[number % len(SETTINGS)], (one, other), "left of", STYLES[number % len(STYLES)]), side)
    )


def saved(picture: Picture, format: str, quality: int) -> Picture:
    file = io.BytesIO()
    picture.save(file, format, quality=quality)
    return PIL.Image.open(file).convert("RGB")


def scaled(picture: Picture, by: float) -> Picture:
    return picture.resize((round(picture.width * by), round(picture.height * by)), PIL.Image.Resampling.LANCZOS)


def cropped(picture: Picture, share: float, seed: int = 0) -> Picture:
    side = round(picture.width * share)
    left, top = np.random.default_rng(seed).integers(0, picture.width - side + 1, 2).tolist()
    return picture.crop((left, top, left + side, top + side))


def turned(picture: Picture, degrees: float) -> Picture:
    return picture.rotate(degrees, PIL.Image.Resampling.BICUBIC)


def noisy(picture: Picture, sigma: float) -> Picture:
    noise = np.random.default_rng(1).normal(0, sigma, (picture.height, picture.width, 3))
    return PIL.Image.fromarray(np.clip(np.rint(np.asarray(picture) + noise), 0, 255).astype(np.uint8))


ATTACKS: Mapping[str, tuple[float, tuple[Attack, ...]]] = {  # by name: the bar, and the attacks it is over
    "none": (1.0, (lambda p: p,)),
    "JPEG 50": (0.99, (lambda p: saved(p, "JPEG", 50),)),
    "JPEG 30": (0.0, (lambda p: saved(p, "JPEG", 30),)),
    "WEBP 50": (0.95, (lambda p: saved(p, "WEBP", 50),)),
    "noise 10": (0.98, (lambda p: noisy(p, 10),)),
    "noise 25": (0.0, (lambda p: noisy(p, 25),)),
    "blur 2": (0.90, (lambda p: p.filter(GaussianBlur(2)),)),
    "crop 75 %": (0.98, (lambda p: cropped(p, 0.75), lambda p: cropped(p, 0.75, 1))),
    "crop 50 %": (0.90, (lambda p: cropped(p, 0.5), lambda p: cropped(p, 0.5, 1))),
    "resize .5-2": (0.98, tuple(lambda p, by=by: scaled(p, by) for by in (0.5, 0.75, 1.5, 2.0))),
    "rotate ±10°": (0.95, tuple(lambda p, by=by: turned(p, by) for by in (-10, 4, 10))),
    "screenshot": (
        0.90,
        (
            lambda p: saved(scaled(cropped(p, 0.85), 0.8), "JPEG", 75),
            lambda p: saved(scaled(cropped(p, 0.9, 1), 1.25), "JPEG", 60),
        ),
    ),
}


def ours(psnr: float) -> tuple[Mark, Read]:
    """As the step marks: at `psnr`, and stronger where the mark is not found again."""
    made, options = pattern(KEY), InvisibleOptions(psnr=psnr)

    def marked(picture: Picture, id: int) -> Picture:
        found = mark(picture, id, made, options, "png")
        if found is None:
            raise SystemExit(f"a picture of {picture.width} x {picture.height} pixels does not take the mark")
        return found

    def read(picture: Picture) -> int | None:
        found = read_upright(picture, made) or search(picture, made)
        return found[0].mark_id if found else None

    return marked, read


def invisible_watermark(method: str) -> tuple[Mark, Read]:
    """Of invisible-watermark: 32 bits, as it has no check of its own."""
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    def mark(picture: Picture, id: int) -> Picture:
        encoder = WatermarkEncoder()
        encoder.set_watermark("bytes", (id & 0xFFFFFFFF).to_bytes(4, "big"))
        return PIL.Image.fromarray(encoder.encode(np.asarray(picture)[:, :, ::-1].copy(), method)[:, :, ::-1])

    def read(picture: Picture) -> int | None:
        found = WatermarkDecoder("bytes", 32).decode(np.asarray(picture)[:, :, ::-1].copy(), method)
        return int.from_bytes(found, "big")

    return mark, read


def blind_watermark() -> tuple[Mark, Read]:
    """Of blind-watermark: 48 bits."""
    from blind_watermark import WaterMark, bw_notes

    bw_notes.close()

    def mark(picture: Picture, id: int) -> Picture:
        engine = WaterMark(password_img=1, password_wm=1)
        engine.read_img(img=np.asarray(picture)[:, :, ::-1].copy())
        engine.read_wm([bool(id >> bit & 1) for bit in range(48)], mode="bit")
        return PIL.Image.fromarray(np.clip(np.rint(engine.embed()), 0, 255).astype(np.uint8)[:, :, ::-1])

    def read(picture: Picture) -> int | None:
        bits = WaterMark(password_img=1, password_wm=1).extract(
            embed_img=np.asarray(picture)[:, :, ::-1].copy(), wm_shape=48, mode="bit"
        )
        return sum(int(value > 0.5) << bit for bit, value in enumerate(bits))

    return mark, read


PEERS: Mapping[str, tuple[Callable[[], tuple[Mark, Read]], int]] = {  # and the bits of the id they carry
    "invisible-watermark dwtDct": (lambda: invisible_watermark("dwtDct"), 32),
    "invisible-watermark dwtDctSvd": (lambda: invisible_watermark("dwtDctSvd"), 32),
    "blind-watermark": (blind_watermark, 48),
}


def survey(name: str, mark: Mark, read: Read, bits: int, given: Mapping[str, Picture], attacks: list[str]) -> None:
    """Print a row for each attack: how many ids were read exactly, and which pictures lost theirs."""
    random, whole = np.random.default_rng(5), (1 << bits) - 1
    ids = {picture: int(random.integers(0, 2**48)) for picture in given}
    marked = {picture: mark(image, ids[picture]) for picture, image in given.items()}
    quality = [psnr(Image(given[picture]), Image(image)) for picture, image in marked.items()]
    print(f"{name}: {len(given)} pictures, PSNR {min(quality):.1f} to {max(quality):.1f} dB", flush=True)
    for attack in attacks:
        bar, ways = ATTACKS[attack]
        tries = [
            (picture, attempt(read, way(image)) == ids[picture] & whole) for picture, image in marked.items() for way in ways
        ]
        lost = sorted({picture for picture, held in tries if not held})
        share = sum(held for _, held in tries) / len(tries)
        verdict = "" if not bar or bits < 48 else "  met" if share >= bar else f"  MISSED, {bar:.0%} asked for"
        print(f"  {attack:12} {share:7.1%} of {len(tries)}{verdict}{'  lost: ' + ', '.join(lost) if lost else ''}", flush=True)


def attempt(read: Read, picture: Picture) -> int | None:
    try:
        return read(picture)
    except Exception:  # a peer that cannot take a picture of this size has not read it
        return None


def average(given: Mapping[str, Picture], psnr: float, outputs: int = 20) -> None:
    """Print how many ids are read after who has so many outputs and their originals subtracts what their marks have in common.

    That is their average, as large as it is, and brought to the size of one mark.
    """
    put_in, read = ours(psnr)
    random = np.random.default_rng(7)
    ids = {name: int(random.integers(0, 2**48)) for name in given}
    marked = {name: np.asarray(put_in(picture, ids[name]), np.float32) for name, picture in given.items()}
    marks = {name: pixels - np.asarray(given[name], np.float32) for name, pixels in marked.items()}
    for scaled in (False, True):
        held = 0
        for name, pixels in marked.items():
            others = [marks[other] for other in given if other != name][:outputs]
            shared = np.mean(others, axis=0)
            shared *= marks[name].std() / shared.std() if scaled else 1
            left = PIL.Image.fromarray(np.clip(np.rint(pixels - shared), 0, 255).astype(np.uint8))
            held += read(left) == ids[name]
        size = "at the size of one mark" if scaled else "as it is"
        print(f"less the average of {len(others)} marks, {size}: {held / len(given):.1%} of {len(given)}", flush=True)


def false_ids(given: Mapping[str, Picture], count: int) -> None:
    """Print how many ids were read where none is: unmarked parts of pictures, and marked ones with a wrong key."""
    made, wrong = pattern(KEY), pattern(b"w" * 32)
    marked = [embed(picture, 7, made, 42.0) for picture in list(given.values())[:8]]
    for name, look, reads in (("upright reads", read_upright, count), ("searches", search, count // 25)):
        random, found = np.random.default_rng(9), 0
        for number in range(reads):
            pool, key = (list(given.values()), made) if number % 2 else (marked, wrong)
            found += bool(look(part_of(pool[number // 2 % len(pool)], random), key))
            if number + 1 in (reads, reads // 2, reads // 4):
                print(f"false ids: {found} in {number + 1} {name}", flush=True)


def part_of(picture: Picture, random: np.random.Generator) -> Picture:
    """A square part of 128 to 256 pixels, turned or mirrored."""
    side = int(random.integers(128, 257))
    left, top = random.integers(0, picture.width - side + 1, 2).tolist()
    return picture.crop((left, top, left + side, top + side)).transpose(int(random.integers(0, 7)))


def timings(given: Mapping[str, Picture]) -> None:
    """Print the processor time of embedding, of the step, which looks for the mark in copies, and of a read without search."""
    made, picture = pattern(KEY), next(iter(given.values()))
    marked = embed(picture, 7, made, 42.0)
    for name, work in (
        ("embed", lambda: embed(picture, 7, made, 42.0)),
        ("the step", lambda: mark(picture, 7, made, InvisibleOptions(), "png")),
        ("read", lambda: read_upright(marked, made)),
    ):
        taken = []
        for _ in range(15):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
        print(f"{name} at {picture.width} px: {statistics.median(taken) * 1000:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--psnr", type=float, default=42.0, help="of our mark, in decibels")
    parser.add_argument("--pictures", type=int, default=100, help="at most so many")
    parser.add_argument("--attacks", nargs="*", default=list(ATTACKS), choices=list(ATTACKS))
    parser.add_argument("--textures", action="store_true", help="pictures that are nothing but texture instead")
    parser.add_argument("--false", type=int, default=0, help="so many reads where no id is, a twenty-fifth of them searched")
    parser.add_argument("--average", action="store_true", help="what averaging outputs takes away")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    given = dict(list(pictures(options.side, options.textures).items())[-options.pictures :])
    timings(given)
    if options.attacks:
        survey("limner", *ours(options.psnr), 48, given, options.attacks)
    for name, (make, bits) in PEERS.items() if options.peers else ():
        survey(name, *make(), bits, given, options.attacks)
    if options.average:
        average(given, options.psnr)
    if options.false:
        false_ids(given, options.false)


if __name__ == "__main__":
    main()
