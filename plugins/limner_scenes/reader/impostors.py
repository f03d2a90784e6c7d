"""What a careless reader takes for a thing: blobs, chimeras, things half drawn, and colours that have no name.

A model that has not learned to draw makes just these. The reader is trained on them as `none of these`, so that it does not
accept what a person would not.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from limner_scenes.outline import Layer
from limner_scenes.palette import COLOUR_RGB, RGB
from limner_scenes.perceptual import oklab
from limner_scenes.scene import Thing
from limner_scenes.silhouettes import placed
from limner_scenes.styles import body_mask

Layers = list[Layer]
NAMELESS = 11.0
"""A colour at least this far from every named one, in OKLab, has no name; the nearest two named ones are 13 apart."""
_SIDE = 48
_TOO_LIKE = 0.75


def impostor(thing: Thing, other: str, rng: np.random.Generator) -> Layers:
    """The layers of something in a thing's place that is neither of its kind nor, where it is mixed, of the `other`.

    Whatever comes out too like one of the two is drawn again, in the end as a blob.
    """
    models = [_mask(placed(each)) for each in (thing, replace(thing, kind=other))]
    for _ in range(4):
        layers = _WAYS[rng.integers(len(_WAYS))](thing, other, rng)
        if not any(_alike(_mask(layers), model) > _TOO_LIKE for model in models):
            return layers
    return _blob(thing, other, rng)


def wobbled(layers: Layers, thing: Thing, rng: np.random.Generator, reach: float) -> Layers:
    """The layers pushed about smoothly by up to about `reach` of the thing's half extent."""
    waves = rng.normal(0, 1, (4, 2))
    phases = rng.uniform(0, 2 * np.pi, 4)
    towards = rng.normal(0, 1, (4, 2))
    return [Layer(_pushed(layer.points, thing, waves, phases, towards, reach), layer.tone) for layer in layers]


def nameless_colour(rng: np.random.Generator) -> RGB:
    """A colour, not too pale to be seen, that no name of the world is near to."""
    named = oklab(list(COLOUR_RGB.values()))
    while True:
        red, green, blue = (int(level) for level in rng.integers(0, 256, 3))
        if np.linalg.norm(oklab((red, green, blue)) - named, axis=-1).min() > NAMELESS and red + green + blue < 560:
            return red, green, blue


def clipped(layers: Layers, x: float, y: float, angle: float) -> Layers:
    """What of the layers lies on one side of the line through (x, y) at an angle."""
    normal = np.array([np.cos(angle), np.sin(angle)])
    halves = [Layer(_half(layer.points, (x, y), normal), layer.tone) for layer in layers]
    return [half for half in halves if len(half.points) >= 3]


def _pushed(
    points: NDArray[np.float64],
    thing: Thing,
    waves: NDArray[np.float64],
    phases: NDArray[np.float64],
    towards: NDArray[np.float64],
    reach: float,
) -> NDArray[np.float64]:
    at = (_finer(points) - (thing.x, thing.y)) / thing.scale
    push = np.sin(at @ (1.6 * waves.T) + phases) @ towards / 2
    pushed: NDArray[np.float64] = (at + reach * push) * thing.scale + (thing.x, thing.y)
    return pushed


def _finer(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a corner in the middle of each side, twice over: long straight sides must bend."""
    for _ in range(2 if len(points) < 20 else 0):
        points = np.stack([points, (points + np.roll(points, -1, 0)) / 2], 1).reshape(-1, 2)
    return points


def _half(points: NDArray[np.float64], origin: tuple[float, float], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    depth = (points - origin) @ normal
    kept: list[NDArray[np.float64]] = []
    for at in range(len(points)):
        here, there = depth[at], depth[(at + 1) % len(points)]
        if here >= 0:
            kept.append(points[at])
        if here * there < 0:
            kept.append(points[at] + (points[(at + 1) % len(points)] - points[at]) * here / (here - there))
    return np.array(kept).reshape(-1, 2)


def _blob(thing: Thing, _: str, rng: np.random.Generator) -> Layers:
    """A lump: uneven all around, or smooth and then long, or it would be a circle."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    uneven = rng.uniform(0.15, 1)
    heights, phases = rng.uniform(0.08, 0.2, 5), rng.uniform(0, 2 * np.pi, 5)
    waves = [
        height * np.sin(order * angle + phase) for order, (height, phase) in enumerate(zip(heights, phases, strict=True), 1)
    ]
    radius = thing.scale * (rng.uniform(0.65, 0.9) + uneven * np.sum(waves, 0))
    short = rng.uniform(0.45, 0.7) if uneven < 0.5 else rng.uniform(0.6, 1.1)
    across, down = (1.1, short) if rng.random() < 0.5 else (short, 1.1)
    return [Layer(np.stack([thing.x + across * radius * np.cos(angle), thing.y + down * radius * np.sin(angle)], 1))]


def _half_drawn(thing: Thing, _: str, rng: np.random.Generator) -> Layers:
    shift = rng.uniform(-0.15, 0.15, 2) * thing.scale
    half = clipped(placed(thing), thing.x + shift[0], thing.y + shift[1], rng.uniform(0, 2 * np.pi))
    return half or _blob(thing, "", rng)


def _chimera(thing: Thing, other: str, rng: np.random.Generator) -> Layers:
    angle = rng.uniform(0, 2 * np.pi)
    one = clipped(placed(thing), thing.x, thing.y, angle)
    return [*one, *clipped(placed(replace(thing, kind=other)), thing.x, thing.y, angle + np.pi)]


def _overlaid(thing: Thing, other: str, _: np.random.Generator) -> Layers:
    return [*placed(thing), *placed(replace(thing, kind=other))]


def _melted(thing: Thing, _: str, rng: np.random.Generator) -> Layers:
    return wobbled(placed(thing), thing, rng, rng.uniform(0.5, 0.9))


_WAYS: tuple[Callable[[Thing, str, np.random.Generator], Layers], ...] = (_blob, _half_drawn, _chimera, _overlaid, _melted)


def _mask(layers: Layers) -> NDArray[np.bool_]:
    return np.asarray(body_mask(layers, _SIDE)) > 0


def _alike(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0
