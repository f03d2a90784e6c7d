"""One picture from a file: checked before training starts, and read at the size a stage wants."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from limner import ConfigurationError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
WHITE = (255, 255, 255)
TO_RGB = "save it as RGB, or set data.convert"

Content = Path | bytes


def complaint(content: Content, *, convert: bool) -> tuple[str, str]:
    """What is wrong with a picture by its header, and how to mend it; two empty strings where nothing is."""
    try:
        with _opened(content) as image:
            if image.mode != "RGB" and not convert:
                bands = len(image.getbands())
                return f"has {bands} channel{'s' * (bands > 1)} ({image.mode}), not the three of RGB", TO_RGB
    except (OSError, ValueError) as error:
        return f"is not a picture that can be read: {_cause(error)}", "replace it, or remove it together with its caption"
    return "", ""


def read_picture(content: Content, side: int, *, convert: bool, where: str) -> NDArray[np.uint8]:
    """The middle square of a picture as sRGB (side, side, 3), each pixel the mean of those it covers.

    Raises ConfigurationError with `where`, for a picture that is broken behind its header.
    """
    try:
        with _opened(content) as image:
            upright = PIL.ImageOps.exif_transpose(image)
            rgb = _as_rgb(upright) if convert else upright
            return np.asarray(PIL.ImageOps.fit(rgb, (side, side), PIL.Image.Resampling.BOX))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for broken PNG chunks
        raise ConfigurationError(f"the picture is broken: {_cause(error)}", where=where, fix="replace or remove it") from error


def _opened(content: Content) -> PIL.Image.Image:
    return PIL.Image.open(BytesIO(content) if isinstance(content, bytes) else content)


def _as_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """In RGB; what is transparent lies on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = PIL.Image.new("RGBA", image.size, WHITE)
    return PIL.Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _cause(error: Exception) -> str:
    return "no picture format known here" if isinstance(error, PIL.UnidentifiedImageError) else str(error)
