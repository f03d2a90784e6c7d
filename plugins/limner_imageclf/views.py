"""What a classifier of square images is shown: the whole image, and where it is not square, squares that cover it besides.

A processor either squeezes an image into its square or cuts off what lies beside it; with both views nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import limner

if TYPE_CHECKING:
    import PIL.Image

MOST_SQUARES = 8
TOO_LONG = limner.ItemError(
    f"the image is so long that {MOST_SQUARES} squares do not cover it", fix="make images at most 4.5 times as long as wide"
)
NO_IMAGE = limner.ItemError("there is no image to look at", fix="put a decoder before this step")


def views(image: limner.Image | None) -> list[PIL.Image.Image] | limner.ItemError:
    """The whole image, and squares as wide as its short side, each overlapping the next by half or more."""
    if image is None:
        return NO_IMAGE
    width, height = image.size
    side, reach = min(width, height), max(width, height)
    count = -(-2 * reach // side) - 1
    if count > MOST_SQUARES:
        return TOO_LONG
    whole = image.pillow()
    if count == 1:
        return [whole]
    starts = [round(index * (reach - side) / (count - 1)) for index in range(count)]
    corners = [(start, 0) if width > height else (0, start) for start in starts]
    return [whole, *(whole.crop((left, top, left + side, top + side)) for left, top in corners)]
