"""Reading back: what the final file shows to whoever opens it. A file that does not show what was made does not leave."""

from __future__ import annotations

from collections.abc import Iterable

from limner.generation import EncodedImage, Image
from limner.image_end import ImageEnd
from limner.images.encoding import decode
from limner.readings import WatermarkReading

LOSSLESS = ("png",)


def read_back(marked: Image, encoded: EncodedImage, file: EncodedImage) -> Image:
    """The final file, opened as a viewer would: the marked image, whole, whatever was attached to the file as it was encoded.

    Raises ImageEnd where it shows anything else.
    """
    seen = decode(file.data)
    lossless = file.format in LOSSLESS
    if seen.size != marked.size or (lossless and not _same(seen, marked)):
        raise _not_read("the encoded file does not show the marked image")
    if not lossless and file.data != encoded.data and not _same(seen, decode(encoded.data)):
        raise _not_read("the attested file does not show the image that was attested")
    return seen


def reading_of(mark_id: int, readings: Iterable[WatermarkReading]) -> WatermarkReading:
    """The reading of this mark among those found in the final file. Raises ImageEnd: what cannot be read is no mark."""
    for reading in readings:
        if reading.mark_id == mark_id:
            return reading
    raise _not_read("the image's mark cannot be read from the final file")


def _same(image: Image, other: Image) -> bool:
    return image.size == other.size and image.pillow().tobytes() == other.pillow().tobytes()


def _not_read(error: str) -> ImageEnd:
    return ImageEnd("failed", "read back", error)
