"""The visible mark: flush in a corner, scaled to the image, drawn over whatever is there.

The preset `dalle-2` is the signature of DALL·E 2 as its own PNG has it: five squares of 16 px at 1024 px, bottom right.
A visible mark is a courtesy to the viewer and easily cropped: it proves nothing by itself.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

import limner

if TYPE_CHECKING:
    import PIL.Image

PRESETS: Mapping[str, tuple[str, ...]] = {
    "limner": ("#1b4965", "#5fa8d3", "#fefae0", "#bc4749", "#386641"),
    "dalle-2": ("#ffff66", "#42ffff", "#51da4c", "#ff6e3c", "#3c46ff"),
}
REFERENCE_SQUARE = 16 / 1024  # side of a square over the image's shorter side
LOGO_PIXELS = 4096 * 4096


class VisibleOptions(limner.Options):
    """`preset` or `colours` (one square each, left to right, #rrggbb), or a `logo` (PNG, alpha kept).

    `scale` multiplies the mark's size; at 1 a square's side is 1/64 of the image's shorter side, but never under `minimum` px.
    """

    preset: Literal["limner", "dalle-2"] = "limner"
    colours: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=16)
    logo: limner.Asset | None = None
    corner: Literal["bottom-right", "bottom-left", "top-right", "top-left"] = "bottom-right"
    scale: float = Field(default=1.0, ge=0.25, le=8.0)
    minimum: int = Field(default=3, ge=1, le=64)

    @field_validator("colours")
    @classmethod
    def _hex(cls, colours: tuple[str, ...] | None) -> tuple[str, ...] | None:
        from PIL import ImageColor

        for colour in colours or ():
            try:
                ImageColor.getrgb(colour)
            except ValueError:
                raise ValueError(f"{colour!r} is not a colour; write #rrggbb") from None
        return colours

    @field_validator("logo")
    @classmethod
    def _png(cls, logo: limner.Asset | None) -> limner.Asset | None:
        if logo is not None:
            _check_logo(logo)
        return logo

    @model_validator(mode="after")
    def _one_pattern(self) -> VisibleOptions:
        if self.logo is not None and self.colours is not None:
            raise ValueError("colours and logo exclude each other")
        return self


class Visible(limner.Step):
    """Draws the mark on the image."""

    type: ClassVar[str] = "watermark.visible"
    Options = VisibleOptions
    max_batch: ClassVar[int] = 8

    @limner.hookimpl
    def watermark(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        """The image with the mark in its corner."""
        return [self._mark(generation) for generation in generations]

    def _mark(self, generation: limner.Generation) -> limner.Image:
        options: VisibleOptions = self.options_for(generation)
        assert generation.image is not None  # the engine gives no generation without what the stage needs
        canvas = generation.image.pillow().copy()
        side = max(options.minimum, round(min(canvas.size) * REFERENCE_SQUARE * options.scale))
        mark = _squares(options.colours or PRESETS[options.preset], side) if options.logo is None else self._logo_of(side)
        mark = _fit(mark, canvas.size)
        canvas.paste(mark, _place(canvas.size, mark.size, options.corner), mark)
        return limner.Image(canvas)

    def _logo_of(self, height: int) -> PIL.Image.Image:
        import PIL.Image

        width = max(1, round(self._logo.width * height / self._logo.height))
        return self._logo.resize((width, height), PIL.Image.Resampling.LANCZOS)

    @cached_property
    def _logo(self) -> PIL.Image.Image:
        """Read once: the mark stays what it was when the first image was marked, whatever becomes of the file."""
        import PIL.Image

        with PIL.Image.open(io.BytesIO(self.options.logo.read_bytes()), formats=("PNG",)) as logo:
            return logo.convert("RGBA")


def _check_logo(asset: limner.Asset) -> None:
    """Raises ValueError for a file that cannot be drawn as a logo; reads its size and not its pixels."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(asset.read_bytes()), formats=("PNG",)) as logo:
            width, height = logo.size
    except (OSError, PIL.Image.DecompressionBombError):
        raise ValueError(f"{asset.relative} is no PNG file that can be read") from None
    if width * height > LOGO_PIXELS:
        raise ValueError(f"{asset.relative} has {width} x {height} pixels; a logo has at most {LOGO_PIXELS}")


def _squares(colours: Sequence[str], side: int) -> PIL.Image.Image:
    import PIL.Image

    row = PIL.Image.new("RGBA", (side * len(colours), side))
    for i, colour in enumerate(colours):
        row.paste(colour, (i * side, 0, (i + 1) * side, side))
    return row


def _fit(mark: PIL.Image.Image, canvas: tuple[int, int]) -> PIL.Image.Image:
    """The mark, cut where the image is smaller than the mark."""
    return mark.crop((0, 0, min(mark.width, canvas[0]), min(mark.height, canvas[1])))


def _place(canvas: tuple[int, int], mark: tuple[int, int], corner: str) -> tuple[int, int]:
    vertical, horizontal = corner.split("-")
    x = canvas[0] - mark[0] if horizontal == "right" else 0
    y = canvas[1] - mark[1] if vertical == "bottom" else 0
    return x, y
