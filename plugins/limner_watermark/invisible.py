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
COPY_QUALITY = 85  # of the lossy copy in which a mark must be found again


class InvisibleOptions(limner.Options):
    """`psnr` is how far the mark may move the pixels, in decibels, where it can be read at that; it is never under `least`.

    An image in which the mark cannot be read at `psnr` gets it stronger, 2 dB at a time.
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
        from limner_watermark.embedding import embed

        options: InvisibleOptions = self.options_for(generation)
        assert generation.image is not None  # the engine gives no generation without what the stage needs
        image, psnr = generation.image.pillow(), options.psnr
        while psnr >= options.least:
            marked = embed(image, generation.mark_id, pattern, psnr)
            if _is_found(marked, generation, pattern):
                return limner.Image(marked)
            psnr -= STEP
        return limner.ItemError(
            f"an image of {image.width} x {image.height} pixels did not take the mark, not even at {options.least:g} dB",
            fix="make images of at least 128 pixels a side, or give the step a lower `least`",
        )


def _is_found(marked: PIL.Image.Image, generation: limner.Generation, pattern: Pattern) -> bool:
    """Whether the mark is found in a lossy copy, in the format in which the image leaves, or JPEG where that is lossless."""
    import PIL.Image

    from limner_watermark.search import read_upright

    file = io.BytesIO()
    marked.save(file, "WEBP" if generation.output_format == "webp" else "JPEG", quality=COPY_QUALITY)
    with PIL.Image.open(file) as copy:
        return any(found.mark_id == generation.mark_id for found in read_upright(copy, pattern))
