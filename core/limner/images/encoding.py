"""Images as files: PNG, JPEG and WEBP, written once at the end of a pipeline, and read from strangers.

A file from outside is judged by its own first bytes, not by its name, and its size is read before any pixel is decoded; no
decoder but the three here ever sees it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Literal

import PIL.Image
from PIL import ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from limner.errors import UsageError
from limner.generation import EncodedImage, Image

Format = Literal["png", "jpeg", "webp"]

MOST_PIXELS = 4096 * 4096  # of an upload
WHITE = (255, 255, 255, 255)
DEFAULT_QUALITY: Mapping[Format, int] = {"jpeg": 95, "webp": 90}
SAVE_OPTIONS: Mapping[Format, Mapping[str, Any]] = {  # what Pillow's encoders take
    "png": {"compress_level": 1, "compress_type": zlib.Z_RLE},  # marked pixels repeat at no distance: only runs are looked for
    "jpeg": {"subsampling": 0, "optimize": True},  # colour at full resolution: flat shapes bleed otherwise
    "webp": {"method": 4},
}
OPENERS: Mapping[Format, Callable[[BytesIO], ImageFile]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "webp": WebPImageFile,
}


def encode(image: Image, format: Format, *, quality: int | None = None) -> EncodedImage:
    """The image as a file, without metadata; the same pixels give the same bytes.

    PNG is lossless and takes no `quality`; for JPEG (95 unless told) and WEBP (90) it is 1 to 100. Raises UsageError otherwise.
    """
    pillow, file = image.pillow(), BytesIO()
    bare = PIL.Image.frombytes("RGB", pillow.size, pillow.tobytes())  # Pillow would write what it knows of the old file
    bare.save(file, format.upper(), **SAVE_OPTIONS[format], **_quality(format, quality))
    return EncodedImage(file.getvalue(), format)


def decode(data: bytes, *, formats: tuple[Format, ...] = ("png", "jpeg", "webp"), most_pixels: int = MOST_PIXELS) -> Image:
    """The image in a file from outside: upright, 8 bits, RGB, transparency over white.

    Raises UsageError, saying why, for another format, more than `most_pixels`, animations, CMYK, and files that are damaged.
    """
    return _decode(data, formats, most_pixels, _rgb)


def first_frame(data: bytes) -> Image:
    """What a file from outside shows first, to be looked at alone: as `decode`, animations and CMYK too."""
    return _decode(data, ("png", "jpeg", "webp"), MOST_PIXELS, _rgb, taken=False)


def is_animated(data: bytes) -> bool:
    """Whether more than one frame is in a file that `first_frame` reads."""
    format = format_of(data)
    return format is not None and bool(getattr(OPENERS[format](BytesIO(data)), "is_animated", False))


def decode_mask(data: bytes) -> Image:
    """The mask in a file from outside, in greys: white may change, black may not.

    Where any pixel of the file is transparent, its transparency alone says so (transparent may change); else its brightness
    does. Raises UsageError as `decode` does.
    """
    return _decode(data, ("png", "jpeg", "webp"), MOST_PIXELS, _changeable)


def _decode(
    data: bytes,
    formats: tuple[Format, ...],
    most_pixels: int,
    colours: Callable[[PIL.Image.Image], PIL.Image.Image],
    *,
    taken: bool = True,
) -> Image:
    """The image in a file, which must be one that is taken, or only one that can be looked at."""
    format = format_of(data)
    if format is None or format not in formats:
        raise UsageError("the file is no image of a kind that is taken", fix=f"give a {' or '.join(formats)} file")
    try:
        with _opened(data, format, most_pixels) as file:
            if taken:
                _check_kind(file)
            file.load()
            return Image(colours(ImageOps.exif_transpose(file)))
    except UsageError:
        raise
    except Exception as error:  # decoders raise a dozen kinds on damaged files
        raise UsageError(f"the {format} file is damaged or cut short: {error}", fix="save or send it again") from error


def format_of(data: bytes) -> Format | None:
    """The format that a file's first bytes declare, or None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None


def _quality(format: Format, quality: int | None) -> dict[str, int]:
    if format not in DEFAULT_QUALITY:
        if quality is not None:
            raise UsageError(f"{format} is lossless and takes no quality", fix="leave quality out, or ask for jpeg or webp")
        return {}
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"quality is {quality}", fix="from 1 to 100")
    return {"quality": DEFAULT_QUALITY[format] if quality is None else quality}


def _opened(data: bytes, format: Format, most_pixels: int) -> ImageFile:
    """The file with its header read, and not found too large."""
    if format == "webp":
        _check_size(_webp_size(data), most_pixels)  # WEBP's decoder makes room for the pixels as soon as it is opened
    file = OPENERS[format](BytesIO(data))
    _check_size(file.size, most_pixels)
    return file


def _check_kind(file: ImageFile) -> None:
    if getattr(file, "is_animated", False):
        raise UsageError("the image is animated", fix="give a single frame")
    if file.mode == "CMYK":
        raise UsageError("the image is in CMYK, the colours of print", fix="save it as RGB")


def _check_size(size: tuple[int, int], most_pixels: int) -> None:
    width, height = size
    if width * height > most_pixels:
        raise UsageError(f"the image has {width} x {height} pixels", fix=f"at most {most_pixels:,} pixels are taken")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from a WEBP header (RFC 9649)."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", layer.size, WHITE), layer).convert("RGB")
    return image.convert("RGB")


def _changeable(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.has_transparency_data:
        transparency = ImageOps.invert(image.convert("RGBA").getchannel("A"))
        if transparency.getbbox() is not None:
            return transparency.convert("RGB")
    return _rgb(image).convert("L").convert("RGB")


def _eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 16 bits as 8, rounded; Pillow's own conversion would clip it."""
    import numpy as np

    values = np.asarray(image, dtype=np.uint32)
    return PIL.Image.fromarray(((values + 128) // 257).astype(np.uint8))
