"""Small images made larger, for what is shown of an image before its upsamplers have run."""

from __future__ import annotations

from limner.generation import Image

SIDE = 256  # pixels that an invisible mark has room in


def enlarged(image: Image, side: int = SIDE) -> Image:
    """The image with its shorter side at least so long, by bicubic interpolation; itself where it is."""
    import PIL.Image

    factor = side / min(image.size)
    if factor <= 1:
        return image
    width, height = (round(length * factor) for length in image.size)
    return Image(image.pillow().resize((width, height), PIL.Image.Resampling.BICUBIC))
