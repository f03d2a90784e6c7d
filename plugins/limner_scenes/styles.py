"""How a thing and what is behind it are drawn: flat, in pencil, in watercolour, as pixels, or shaded as if solid."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter

from limner_scenes.outline import Layer
from limner_scenes.palette import GRAPHITE, PAPER, RGB, mixed, toned
from limner_scenes.places import Wash

Picture = PillowImage.Image
Paint = Callable[[Picture, Sequence[Layer], RGB, np.random.Generator], None]

CELLS = 32
"""Pixel art has this many cells a side."""
_LINE = 0.024
"""How wide a pencil's outline is, as a share of the picture's side."""
_WHITE, _SHADOW = (255, 255, 255), (40, 40, 54)


def wash(style: str) -> Wash:
    """What a style makes of the colours of a setting: on paper they are paler."""
    pale = {"pencil drawing": 0.55, "watercolour": 0.3}.get(style, 0.0)
    return lambda rgb: mixed(rgb, PAPER, pale)


def paint_thing(style: str, picture: Picture, layers: Sequence[Layer], rgb: RGB, rng: np.random.Generator) -> None:
    """Draw the layers of a thing, in coordinates from 0 to 1, into a picture."""
    _PAINTS[style](picture, layers, rgb, rng)


def finished(style: str, picture: Picture) -> Picture:
    """The picture when everything has been drawn."""
    if style != "pixel art":
        return picture
    cells = picture.resize((CELLS, CELLS), PillowImage.Resampling.NEAREST)
    return cells.resize(picture.size, PillowImage.Resampling.NEAREST)


def body_mask(layers: Sequence[Layer], side: int) -> Picture:
    """Which pixels a thing covers, in the mode L, 0 or 255; its cuts left out, its details in."""
    mask = PillowImage.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    for layer in (*_body(layers), *_details(layers)):
        draw.polygon(_corners(layer, side), fill=0 if layer.tone is None else 255)
    return mask


def _corners(layer: Layer, side: int) -> list[float]:
    # Pillow names a pixel by its centre, we by its corner.
    corners: list[float] = (layer.points * side - 0.5).ravel().tolist()
    return corners


def _body(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if not layer.tone]


def _details(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.tone]


def _flat(picture: Picture, layers: Sequence[Layer], rgb: RGB, _: np.random.Generator) -> None:
    body, draw = _body(layers), ImageDraw.Draw(picture)
    if any(layer.tone is None for layer in body):
        picture.paste(rgb, mask=body_mask(body, picture.width))
    else:
        for layer in body:
            draw.polygon(_corners(layer, picture.width), fill=rgb)
    _paint_details(draw, layers, rgb, picture.width)


def _paint_details(draw: ImageDraw.ImageDraw, layers: Sequence[Layer], rgb: RGB, side: int) -> None:
    for layer in _details(layers):
        draw.polygon(_corners(layer, side), fill=toned(rgb, layer.tone or 0.0))


def _pencil(picture: Picture, layers: Sequence[Layer], rgb: RGB, rng: np.random.Generator) -> None:
    side, draw = picture.width, ImageDraw.Draw(picture)
    mask = body_mask(_body(layers), side)
    picture.paste(GRAPHITE, mask=mask.filter(ImageFilter.BoxBlur(_LINE * side)).point(_any_ink))
    full, thin = mixed(rgb, PAPER, 0.08), mixed(rgb, PAPER, 0.5)
    strokes = PillowImage.composite(_solid(thin, side), _solid(full, side), _hatching(side, int(rng.integers(8))))
    picture.paste(strokes, mask=mask)
    for layer in _details(layers):
        draw.polygon(_corners(layer, side), fill=mixed(toned(rgb, layer.tone or 0.0), PAPER, 0.1))
        _stroke(draw, layer, side, GRAPHITE, _LINE / 2)


def _any_ink(level: int) -> int:
    return 255 if level else 0


def _stroke(draw: ImageDraw.ImageDraw, layer: Layer, side: int, rgb: RGB, width: float) -> None:
    corners = [(float(x), float(y)) for x, y in layer.points * side - 0.5]
    draw.line([*corners, corners[0], corners[1]], rgb, max(1, round(width * side)), "curve")


@cache
def _hatching(side: int, phase: int) -> Picture:
    """Where slanted strokes leave the paper thinly covered; mode L."""
    at = np.arange(side) / side
    slant = (at[:, None] + at[None, :]) / 0.11 + phase / 8
    return PillowImage.fromarray(np.where(slant % 1 < 0.34, 255, 0).astype(np.uint8))


@cache
def _solid(rgb: RGB, side: int) -> Picture:
    return PillowImage.new("RGB", (side, side), rgb)


def _watercolour(picture: Picture, layers: Sequence[Layer], rgb: RGB, rng: np.random.Generator) -> None:
    side = picture.width
    soft = ImageFilter.BoxBlur(0.008 * side)
    running = [Layer(_wobbled(layer, rng), layer.tone) for layer in layers]
    mask = body_mask(_body(running), side)
    wet, dry = mixed(rgb, PAPER, 0.05), mixed(rgb, PAPER, 0.38)
    picture.paste(
        PillowImage.composite(_solid(wet, side), _solid(dry, side), _blotches(side, int(rng.integers(8)))),
        mask=mask.filter(soft),
    )
    for layer in _details(running):
        picture.paste(mixed(toned(rgb, layer.tone or 0.0), PAPER, 0.2), mask=body_mask([layer], side).filter(soft))


def _wobbled(layer: Layer, rng: np.random.Generator) -> np.ndarray:
    around = np.linspace(0, 2 * np.pi, len(layer.points), endpoint=False)
    waves = rng.uniform(0, 2 * np.pi, (2, 2))
    shift = [np.sin(2 * around + phase) + np.sin(5 * around + other) for phase, other in waves]
    return np.asarray(layer.points + 0.004 * np.stack(shift, axis=1))


@cache
def _blotches(side: int, which: int) -> Picture:
    """Soft blots, mode L."""
    grain = np.random.default_rng(which).uniform(0, 255, (9, 9)).astype(np.uint8)
    return PillowImage.fromarray(grain).resize((side, side), PillowImage.Resampling.BICUBIC)


def _solid_shading(picture: Picture, layers: Sequence[Layer], rgb: RGB, rng: np.random.Generator) -> None:
    side = picture.width
    mask = body_mask(_body(layers), side)
    box = mask.getbbox()
    if box is None:
        return
    _cast_shadow(picture, box)
    size = (box[2] - box[0], box[3] - box[1])
    light = _light().resize(size)
    bright, dim = (PillowImage.new("RGB", size, toned_to) for toned_to in (mixed(rgb, _WHITE, 0.4), mixed(rgb, (0, 0, 0), 0.3)))
    picture.paste(PillowImage.composite(bright, dim, light), box[:2], mask.crop(box))
    _paint_details(ImageDraw.Draw(picture), layers, rgb, side)


def _cast_shadow(picture: Picture, box: tuple[int, int, int, int]) -> None:
    left, _, right, bottom = box
    flat = 0.1 * (right - left)
    mask = PillowImage.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((left, bottom - flat, right + flat, bottom + flat), 90)
    picture.paste(_SHADOW, mask=mask)


@cache
def _light() -> Picture:
    """How light falls from the top left on something round, mode L."""
    at = np.linspace(0, 1, 64)
    x, y = np.meshgrid(at, at)
    fall = 0.8 - 0.72 * (0.4 * x + 0.6 * y)
    spot = 0.7 * np.exp(-((x - 0.34) ** 2 + (y - 0.28) ** 2) / 0.02)
    return PillowImage.fromarray((np.clip(fall + spot, 0, 1) * 255).astype(np.uint8))


_PAINTS: dict[str, Paint] = {
    "flat": _flat,
    "pencil drawing": _pencil,
    "watercolour": _watercolour,
    "pixel art": _flat,
    "shaded 3-D": _solid_shading,
}
