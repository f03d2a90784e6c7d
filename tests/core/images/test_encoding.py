from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import numpy as np
import PIL.Image
import pytest

from limner.errors import UsageError
from limner.generation import Image
from limner.images.encoding import Format, decode, decode_mask, encode, format_of

FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")


@pytest.fixture
def picture() -> PIL.Image.Image:
    """A gradient with a hard edge, 48 by 32."""
    across, down = np.meshgrid(np.arange(48), np.arange(32))
    pixels = np.stack([across * 5, down * 8, np.where(across > 20, 255, 0)], axis=-1)
    return PIL.Image.fromarray(pixels.astype(np.uint8))


def _file(picture: PIL.Image.Image, format: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def _difference(one: Image, other: PIL.Image.Image) -> float:
    return float(np.abs(np.asarray(one.pillow(), float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_shows_the_image_in_the_format_that_was_asked_for(picture: PIL.Image.Image, format: Format) -> None:
    encoded = encode(Image(picture), format)
    assert encoded.format == format == format_of(encoded.data)
    assert PIL.Image.open(BytesIO(encoded.data)).format == format.upper()
    assert _difference(decode(encoded.data), picture) < 4
    assert encode(Image(picture.copy()), format).data == encoded.data


def test_png_keeps_every_pixel(picture: PIL.Image.Image) -> None:
    assert decode(encode(Image(picture), "png").data).sha256() == Image(picture).sha256()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_more_quality_takes_more_bytes_and_is_nearer(picture: PIL.Image.Image, format: Format) -> None:
    poor, good = (encode(Image(picture), format, quality=quality) for quality in (10, 100))
    assert len(poor.data) < len(good.data)
    assert _difference(decode(poor.data), picture) > _difference(decode(good.data), picture)


def test_flat_colours_do_not_bleed_in_jpeg(picture: PIL.Image.Image) -> None:
    assert PIL.Image.open(BytesIO(encode(Image(picture), "jpeg").data)).layer[0][1:3] == (1, 1)  # type: ignore[attr-defined]


def test_a_quality_that_cannot_be_is_refused(picture: PIL.Image.Image) -> None:
    with pytest.raises(UsageError, match="lossless"):
        encode(Image(picture), "png", quality=90)
    for quality in (0, 101, -1):
        with pytest.raises(UsageError, match=f"quality is {quality}"):
            encode(Image(picture), "jpeg", quality=quality)


def test_a_file_carries_no_metadata(picture: PIL.Image.Image) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E] = "a red circle"
    picture.info.update(comment="a red circle", icc_profile=b"a red circle", exif=exif.tobytes())
    for format in FORMATS:
        assert b"red" not in encode(Image(picture), format).data


def test_one_pixel_is_an_image() -> None:
    for format in FORMATS:
        assert decode(encode(Image(PIL.Image.new("RGB", (1, 1), "red")), format).data).size == (1, 1)


@pytest.mark.parametrize("format", ["gif", "bmp", "tiff", "ppm", "ico"])
def test_other_formats_are_refused_whatever_pillow_can_read(picture: PIL.Image.Image, format: str) -> None:
    with pytest.raises(UsageError, match="no image of a kind that is taken") as caught:
        decode(_file(picture, format))
    assert caught.value.fix == "give a png or jpeg or webp file"


def test_a_caller_may_take_fewer_formats(picture: PIL.Image.Image) -> None:
    with pytest.raises(UsageError, match="no image of a kind"):
        decode(_file(picture, "webp"), formats=("png",))


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"\x89PNG", b"RIFF\x00\x00\x00\x00WAVE", b"%PDF-1.7", b"\x00" * 100])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        decode(data)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_is_cut_short_anywhere_is_refused(picture: PIL.Image.Image, format: Format) -> None:
    data = encode(Image(picture), format).data
    for length in {*range(0, 64), *range(64, len(data) * 3 // 4, 37)}:
        with pytest.raises(UsageError):
            decode(data[:length])


@pytest.mark.parametrize("format", FORMATS)
def test_damage_is_refused_or_shows_and_never_does_more(picture: PIL.Image.Image, format: Format) -> None:
    data = bytearray(encode(Image(picture), format).data)
    random = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 5):
            damaged[at] ^= int(random.integers(1, 256))
        with suppress(UsageError):
            assert decode(bytes(damaged)).size[0] > 0


def _png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND"
    chunks = (header, b"IDAT" + zlib.compress(b""), end)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def _jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(_file(PIL.Image.new("RGB", (8, 8)), "jpeg"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _webp_extended(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00" * 4 + canvas


def _webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return b"RIFF" + struct.pack("<I", 17) + b"WEBPVP8L" + struct.pack("<I", 5) + b"\x2f" + struct.pack("<I", bits)


def _webp_lossy(width: int, height: int) -> bytes:
    data = bytearray(_file(PIL.Image.new("RGB", (8, 8)), "webp"))
    data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize("header", [_png_header, _jpeg_header, _webp_extended, _webp_lossless, _webp_lossy])
def test_a_giant_is_refused_by_its_header(header: Callable[[int, int], bytes]) -> None:
    with pytest.raises(UsageError, match="16000 x 15000 pixels") as caught:
        decode(header(16_000, 15_000))
    assert "16,777,216" in caught.value.fix


@pytest.mark.parametrize("lossless", [True, False])
def test_the_size_of_a_webp_is_read_as_its_decoder_reads_it(lossless: bool) -> None:
    data = _file(PIL.Image.new("RGB", (300, 70)), "webp", lossless=lossless)
    with pytest.raises(UsageError, match="300 x 70"):
        decode(data, most_pixels=300 * 70 - 1)
    assert decode(data, most_pixels=300 * 70).size == (300, 70)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_animations_are_refused(picture: PIL.Image.Image, format: str) -> None:
    data = _file(picture, format, save_all=True, append_images=[picture.transpose(PIL.Image.Transpose.ROTATE_180)])
    with pytest.raises(UsageError, match="animated"):
        decode(data)


def test_cmyk_is_refused(picture: PIL.Image.Image) -> None:
    with pytest.raises(UsageError, match="CMYK"):
        decode(_file(picture.convert("CMYK"), "jpeg"))


def test_sixteen_bits_become_eight() -> None:
    grey = PIL.Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    assert np.asarray(decode(_file(grey, "png")).pillow()).tolist() == [[[0, 0, 0], [100, 100, 100], [255, 255, 255]]]


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_every_mode_of_png_becomes_rgb(picture: PIL.Image.Image, mode: str) -> None:
    given = picture.convert(mode)
    shown = decode(_file(given, "png")).pillow()
    assert shown.mode == "RGB"
    assert np.array_equal(np.asarray(shown), np.asarray(given.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_and_not_what_hides_under_it(mode: str) -> None:
    hidden = PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 0)).convert(mode)
    options = {"transparency": hidden.getpixel((0, 0))} if mode == "P" else {}
    assert np.asarray(decode(_file(hidden, "png", **options)).pillow()).min() == 255


def test_an_image_is_turned_as_its_camera_was_held(picture: PIL.Image.Image) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    upright = decode(_file(picture, "jpeg", exif=exif, quality=95))
    assert upright.size == (32, 48)
    assert _difference(upright, picture.transpose(PIL.Image.Transpose.ROTATE_270)) < 4


def test_the_bright_parts_of_a_mask_may_change() -> None:
    drawn = PIL.Image.new("RGB", (3, 1), "black")
    drawn.putpixel((1, 0), (128, 128, 128))
    drawn.putpixel((2, 0), (255, 255, 255))
    shown = decode_mask(_file(drawn, "png")).pillow()
    assert np.asarray(shown)[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


def test_a_mask_with_transparency_says_so_by_it_alone() -> None:
    drawn = PIL.Image.new("RGBA", (2, 1), (255, 255, 255, 255))
    assert np.asarray(decode_mask(_file(drawn, "png")).pillow()).min() == 255
    drawn.putpixel((0, 0), (0, 0, 0, 0))
    assert np.asarray(decode_mask(_file(drawn, "png")).pillow())[0, :, 0].tolist() == [255, 0]
