"""`unclip.composite` and `unclip.unpad`: a model's square image, back in the shape of the request's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

import limner
from limner import Generation, Image, ItemError, Step, hookimpl
from limner_unclip.inputs import brought

if TYPE_CHECKING:
    from PIL.Image import Image as Pillow


class CompositeOptions(limner.Options):
    """Options of `unclip.composite`: `feather` is how far beyond the mask its edge fades, in pixels of the input image."""

    feather: int = Field(default=4, ge=0, le=256)


class Composite(Step):
    """Puts what was drawn into the input image, in that image's own size: where the mask says so, and nowhere else.

    Beyond the mask and its feather no pixel differs from the input.
    """

    type = "unclip.composite"
    Options = CompositeOptions

    @classmethod
    def reads(cls, options: CompositeOptions) -> frozenset[str]:
        """The image, and the inputs it goes into."""
        return frozenset({"image", "upload", "mask"})

    @hookimpl
    def transform_image(self, generations: Sequence[Generation]) -> list[Image | ItemError]:
        """The input image with its changes."""
        return [self._put_in(generation) for generation in generations]

    def _put_in(self, generation: Generation) -> Image:
        from PIL.Image import Resampling, composite

        image, mask = brought(generation, "image"), brought(generation, "mask")
        drawn = unpadded(generation, image).resize(image.size, Resampling.BICUBIC)
        return Image(composite(drawn, image.pillow(), self._feathered(mask.pillow().convert("L"))))

    def _feathered(self, mask: Pillow) -> Pillow:
        from PIL import ImageChops, ImageFilter

        feather = self.options.feather
        return ImageChops.lighter(mask, mask.filter(ImageFilter.BoxBlur(feather))) if feather else mask


class Unpad(Step):
    """Cuts off what was added to make a square of the input image; the size stays the model's."""

    type = "unclip.unpad"

    @classmethod
    def reads(cls, options: limner.Options) -> frozenset[str]:
        """The image, and the input whose shape it gets."""
        return frozenset({"image", "upload"})

    @hookimpl
    def transform_image(self, generations: Sequence[Generation]) -> list[Image | ItemError]:
        """The image in the ratio of the input image."""
        return [Image(unpadded(generation, brought(generation, "image"))) for generation in generations]


def unpadded(generation: Generation, given: Image) -> Pillow:
    """The part of the generation's square image that shows what the input image did."""
    from limner_unclip.fitting import Fit

    assert generation.image is not None, "the pipeline was checked to give the step an image"
    square = generation.image.pillow()
    left, top, width, height = Fit(given.size, square.width).box
    return square.crop((left, top, left + width, top + height))
