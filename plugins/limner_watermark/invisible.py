"""The invisible mark: the 48-bit mark id in the pixels themselves, found again in copies that were cropped, scaled or re-saved.

It is a keyed spread-spectrum pattern (`pattern`), put in by an embedder that reads along (`embedding`), found by correlation
(`detection`, `search`). Whoever has the key can read and forge it; regenerating the image with a diffusion model removes it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

import limner

if TYPE_CHECKING:
    import PIL.Image

    from limner_watermark.pattern import Pattern

RING = "marks"  # of the installation's keys
STEP = 2.0  # decibels by which the mark is made stronger
LEAVING, BADLY = 85, 50  # qualities of lossy copies
WORTH = 6.0  # decibels
CROPPED_SIDE = 384  # pixels
CROP = 0.75  # of the side


class InvisibleOptions(limner.Options):
    """`psnr` is how far the mark may move the pixels, in decibels, where it can be read at that; it is never under `least`.

    An image of which copies lose the mark at `psnr` gets it stronger, 2 dB at a time.
    """

    psnr: float = Field(default=42.0, ge=30.0, le=60.0)
    least: float = Field(default=32.0, ge=26.0, le=60.0)

    @model_validator(mode="after")
    def _least_is_less(self) -> InvisibleOptions:
        if self.least > self.psnr:
            raise ValueError(f"least ({self.least:g}) is at most psnr ({self.psnr:g})")
        return self


class Invisible(limner.Step):
    """Puts the mark id into the image."""

    type: ClassVar[str] = "watermark.invisible"
    Options = InvisibleOptions
    max_batch: ClassVar[int] = 8
    carries_mark_id: ClassVar[bool] = True

    @limner.hookimpl
    def watermark(self, generations: Sequence[limner.Generation]) -> list[limner.Image | limner.ItemError]:
        """The image with its mark."""
        from limner_watermark.pattern import pattern

        *_, newest = self.keys.ring(RING).values()
        return [self._mark(generation, pattern(newest)) for generation in generations]

    def _mark(self, generation: limner.Generation, pattern: Pattern) -> limner.Image | limner.ItemError:
        options: InvisibleOptions = self.options_for(generation)
        assert generation.image is not None  # the engine gives no generation without what the stage needs
        image = generation.image.pillow()
        marked = mark(image, generation.mark_id, pattern, options, generation.output_format)
        if marked is not None:
            return limner.Image(marked)
        return limner.ItemError(
            f"an image of {image.width} x {image.height} pixels did not take the mark, not even at {options.least:g} dB",
            fix="make images of at least 128 pixels a side, or give the step a lower `least`",
        )


def mark(
    image: PIL.Image.Image, mark_id: int, pattern: Pattern, options: InvisibleOptions, output_format: str
) -> PIL.Image.Image | None:
    """The image with the mark, as strong as it takes to find it again; None where it is not found even at `least`.

    It has to be found in a copy as the image leaves, and is wanted in one that was saved badly and, of a large image, in the
    middle of that: flat pictures lose a weak mark when they are saved, and of one that is nothing but texture a part holds less
    than one would think. For what is wanted it gets stronger by WORTH at most, and then what was found has to do.
    """
    from limner_watermark.embedding import embed

    found, psnr = None, options.psnr
    while psnr >= options.least and not (found and psnr < options.psnr - WORTH):
        marked = embed(image, mark_id, pattern, psnr)
        survives = _survives(marked, mark_id, pattern)
        if (survives and output_format != "webp") or _reads(_saved(marked, output_format, LEAVING), mark_id, pattern):
            if survives:
                return marked
            found = found or marked
        psnr -= STEP
    return found


def _survives(marked: PIL.Image.Image, mark_id: int, pattern: Pattern) -> bool:
    copy = _saved(marked, "jpeg", BADLY)
    return _reads(copy, mark_id, pattern) and (min(copy.size) < CROPPED_SIDE or _reads(_middle(copy), mark_id, pattern))


def _saved(image: PIL.Image.Image, format: str, quality: int) -> PIL.Image.Image:
    """A copy saved once, as JPEG where the format is lossless."""
    import PIL.Image

    file = io.BytesIO()
    image.save(file, "WEBP" if format == "webp" else "JPEG", quality=quality)
    return PIL.Image.open(file)


def _reads(image: PIL.Image.Image, mark_id: int, pattern: Pattern) -> bool:
    from limner_watermark.search import read_upright

    return any(found.mark_id == mark_id for found in read_upright(image, pattern))


def _middle(image: PIL.Image.Image) -> PIL.Image.Image:
    left, top = (round(side * (1 - CROP) / 2) for side in image.size)
    return image.crop((left, top, image.width - left, image.height - top))
