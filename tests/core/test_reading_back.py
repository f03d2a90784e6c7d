"""Reading back: a file leaves only if it shows what was made, and carries the mark that it was given."""

from __future__ import annotations

import PIL.Image
import pytest

from limner.generation import EncodedImage, Image
from limner.image_end import ImageEnd
from limner.images.encoding import encode
from limner.reading_back import read_back, reading_of
from limner.readings import WatermarkReading

MARKED = Image(PIL.Image.effect_mandelbrot((48, 32), (-2.2, -1.2, 0.8, 1.2), 60))
OTHER = Image(PIL.Image.new("RGB", (48, 32), "grey"))
SMALLER = Image(PIL.Image.new("RGB", (24, 32), "grey"))


def with_trailer(file: EncodedImage) -> EncodedImage:
    """The file as an attestation might leave it: other bytes, the same picture."""
    return EncodedImage(file.data + b"signed", file.format)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_what_the_final_file_shows_is_what_was_encoded(format):
    encoded = encode(MARKED, format)
    seen = read_back(MARKED, encoded, with_trailer(encoded))
    assert seen.size == MARKED.size
    assert (seen.sha256() == MARKED.sha256()) == (format == "png")


@pytest.mark.parametrize(
    ("encoded", "file", "why"),
    [
        (encode(OTHER, "png"), encode(OTHER, "png"), "the encoded file does not show the marked image"),
        (encode(SMALLER, "webp"), encode(SMALLER, "webp"), "the encoded file does not show the marked image"),
        (encode(MARKED, "jpeg"), encode(OTHER, "jpeg"), "the attested file does not show the image that was attested"),
    ],
)
def test_a_file_that_shows_anything_else_ends_the_image(encoded, file, why):
    with pytest.raises(ImageEnd) as end:
        read_back(MARKED, encoded, file)
    assert (end.value.outcome, end.value.reason, end.value.error) == ("failed", "read back", why)


def test_a_mark_is_read_or_the_image_ends():
    mine, of_another = WatermarkReading(7, "1", 9.0), WatermarkReading(8, "1", 12.0)
    assert reading_of(7, [of_another, mine]) is mine
    with pytest.raises(ImageEnd, match="failed"):
        reading_of(7, [of_another])
