"""How far the checker itself errs, on pictures whose truth is known: renders of held-out scenes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from limner_scenes.checker import judge, read
from limner_scenes.rates import Rate
from limner_scenes.render import render
from limner_scenes.sampling import Split, sample_scene
from limner_scenes.scene import Scene
from limner_scenes.swaps import SWAPS, swaps
from limner_scenes.worlds import PLAIN

Picture = NDArray[np.uint8]
Spoil = Callable[[Picture, np.random.Generator], Picture]


@dataclass(frozen=True, slots=True)
class CheckerResult:
    """On renders of held-out scenes in one condition: captions accepted that are true, refused that are not."""

    condition: str
    accepted: Rate
    refused: dict[str, Rate]

    def as_json(self) -> dict[str, Any]:
        """The rates as plain data (Any: nested dictionaries of JSON values)."""
        return {
            "accepted": self.accepted.as_json(),
            "refused": {kind: rate.as_json() for kind, rate in self.refused.items()},
        }


def checker_report(n: int, seed: int) -> tuple[CheckerResult, ...]:
    """Measure the checker on n renders of held-out scenes, clean, blurred and noisy."""
    rng = np.random.default_rng(seed)
    scenes = [_held_out_scene(rng, at) for at in range(n)]
    return tuple(_check(condition, spoil, scenes, rng) for condition, spoil in _CONDITIONS.items())


def _held_out_scene(rng: np.random.Generator, at: int) -> Scene:
    split: Split = "seen" if at % 2 else "unseen"
    return sample_scene(rng, split, world=PLAIN, layout="one" if at // 2 % 2 else "two")


def _check(condition: str, spoil: Spoil, scenes: list[Scene], rng: np.random.Generator) -> CheckerResult:
    accepted = 0
    refused: dict[str, list[bool]] = {kind: [] for kind in SWAPS}
    for scene in scenes:
        reading = read(spoil(render(scene, 128), rng))
        accepted += judge(reading, scene).fault is None
        for kind, wrong in swaps(scene, rng):
            refused[kind].append(judge(reading, wrong).fault is not None)
    rates = {kind: Rate(sum(outcomes), len(outcomes)) for kind, outcomes in refused.items()}
    return CheckerResult(condition, Rate(accepted, len(scenes)), rates)


def _clean(picture: Picture, _: np.random.Generator) -> Picture:
    return picture


def _blurred(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(PillowImage.fromarray(picture).filter(ImageFilter.GaussianBlur(1)))


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.clip(picture + rng.normal(0, 10, picture.shape), 0, 255).astype(np.uint8)


_CONDITIONS = {"clean": _clean, "blur, sigma 1 px": _blurred, "noise, sigma 10": _noisy}
