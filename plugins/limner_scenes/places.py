"""What is behind the things: a plain ground, or a place with something in it."""

from collections.abc import Callable

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from limner_scenes.palette import GROUND_RGB, RGB

Wash = Callable[[RGB], RGB]
"""What a style makes of a colour of the setting."""


def paint_setting(setting: str, side: int, wash: Wash, rng: np.random.Generator) -> PillowImage.Image:
    """A picture of a setting, side × side pixels."""
    if setting in GROUND_RGB:
        return PillowImage.new("RGB", (side, side), wash(GROUND_RGB[setting]))
    picture = PillowImage.new("RGB", (side, side))
    _PAINTED[setting](_Brush(ImageDraw.Draw(picture), side, wash), rng)
    return picture


class _Brush:
    """Draws in coordinates from 0 to 1."""

    def __init__(self, draw: ImageDraw.ImageDraw, side: int, wash: Wash) -> None:
        self._draw, self._side, self._wash = draw, side, wash

    def box(self, left: float, top: float, right: float, bottom: float, rgb: RGB) -> None:
        x0, y0, x1, y1 = (value * self._side for value in (left, top, right, bottom))
        self._draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), self._wash(rgb))

    def disc(self, x: float, y: float, across: float, rgb: RGB, down: float | None = None) -> None:
        down = across if down is None else down
        box = [value * self._side for value in (x - across, y - down, x + across, y + down)]
        self._draw.ellipse(box, self._wash(rgb))

    def line(self, points: list[tuple[float, float]], width: float, rgb: RGB) -> None:
        at = [(x * self._side, y * self._side) for x, y in points]
        self._draw.line(at, self._wash(rgb), max(1, round(width * self._side)), "curve")


def _night_sky(brush: _Brush, rng: np.random.Generator) -> None:
    sky: RGB = (44, 50, 96)
    brush.box(0, 0, 1, 1, sky)
    for x, y in rng.uniform(0.03, 0.97, (7, 2)):
        brush.disc(x, y, 0.009, (226, 228, 240))
    side = rng.choice((0.12, 0.88))
    x, y = side + rng.uniform(-0.03, 0.03), rng.uniform(0.09, 0.14)
    brush.disc(x, y, 0.075, (236, 234, 214))
    brush.disc(x + 0.035, y - 0.012, 0.06, sky)
    for height in rng.uniform(0.08, 0.92, 2):
        _cloud(brush, float(rng.uniform(0.1, 0.9)), float(height), (72, 80, 130))


def _cloud(brush: _Brush, x: float, y: float, rgb: RGB) -> None:
    for shift, lift, radius in ((-0.08, 0.01, 0.045), (0, -0.01, 0.06), (0.08, 0.012, 0.04)):
        brush.disc(x + shift, y + lift, radius, rgb, 0.6 * radius)


def _city_lights(brush: _Brush, rng: np.random.Generator) -> None:
    brush.box(0, 0, 1, 1, (62, 62, 92))
    left = 0.0
    while left < 1:
        width, top = rng.uniform(0.09, 0.17), rng.uniform(0.5, 0.8)
        brush.box(left, top, min(left + width, 1), 1, (42, 42, 62))
        for x in np.arange(left + 0.02, min(left + width, 1) - 0.025, 0.035):
            for y in np.arange(top + 0.025, 0.98, 0.045):
                if rng.random() < 0.45:
                    brush.box(x, y, x + 0.014, y + 0.02, (236, 214, 150))
        left += width + 0.01


def _horizon(sky: RGB, ground: RGB, brush: _Brush, rng: np.random.Generator) -> float:
    line = float(rng.uniform(0.52, 0.64))
    brush.box(0, 0, 1, line, sky)
    brush.box(0, line, 1, 1, ground)
    return line


def _sea(brush: _Brush, rng: np.random.Generator) -> None:
    line = _horizon((214, 234, 246), (142, 190, 214), brush, rng)
    for _ in range(9):
        x, y = rng.uniform(0, 0.9), rng.uniform(line + 0.03, 0.97)
        crest = [(x + step * 0.025, y + 0.008 * (-1) ** step) for step in range(5)]
        brush.line(crest, 0.012, (190, 222, 236))


def _meadow(brush: _Brush, rng: np.random.Generator) -> None:
    line = _horizon((208, 232, 248), (178, 216, 146), brush, rng)
    for _ in range(14):
        x, y = rng.uniform(0.03, 0.97), rng.uniform(line + 0.05, 0.98)
        brush.line([(x - 0.012, y - 0.03), (x, y), (x + 0.012, y - 0.03)], 0.01, (150, 196, 116))


def _snow(brush: _Brush, rng: np.random.Generator) -> None:
    _horizon((204, 216, 232), (246, 249, 252), brush, rng)
    for x, y in rng.uniform(0.02, 0.98, (16, 2)):
        brush.disc(x, y, 0.011, (252, 253, 255))


_PAINTED = {
    "night sky": _night_sky,
    "city lights": _city_lights,
    "sea": _sea,
    "meadow": _meadow,
    "snow": _snow,
}
