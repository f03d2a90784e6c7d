from __future__ import annotations

import PIL.Image

from limner.generation import Image
from limner.images.enlarging import enlarged


def test_the_shorter_side_reaches_the_length_and_the_shape_stays() -> None:
    assert enlarged(Image(PIL.Image.new("RGB", (32, 64)))).size == (256, 512)


def test_what_is_large_enough_stays_as_it_is() -> None:
    image = Image(PIL.Image.new("RGB", (300, 256)))
    assert enlarged(image) is image
