"""What happens to pictures between a renderer and a reader: blur, noise, compression, few pixels, a tint.

A model's pictures are never as crisp as renders; a reader trained on renders alone would know them by that.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

Picture = NDArray[np.uint8]
Spoil = Callable[[Picture, np.random.Generator], Picture]

FEW = 32
"""A model may draw no more pixels a side than this before it enlarges its picture."""


def spoiled(picture: Picture, rng: np.random.Generator) -> Picture:
    """A picture with a random few of these done to it, in a random strength; not in few pixels, which hides a style."""
    for spoil, chance in _CHANCES.items():
        if rng.random() < chance:
            picture = spoil(picture, rng)
    return picture


def few_pixels(picture: Picture, rng: np.random.Generator) -> Picture:
    """Averaged down to FEW pixels a side, as softly as that makes it, and up again."""
    side = picture.shape[0]
    small = PillowImage.fromarray(picture).resize((FEW, FEW), PillowImage.Resampling.BOX)
    way = PillowImage.Resampling.BICUBIC if rng.random() < 0.6 else PillowImage.Resampling.LANCZOS
    return np.asarray(small.resize((side, side), way))


def blurred(picture: Picture, rng: np.random.Generator) -> Picture:
    """Blurred by up to a sixtieth of the side."""
    sigma = rng.uniform(0, picture.shape[0] / 60)
    return np.asarray(PillowImage.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    """With noise of up to 14 levels."""
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(0, 14))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def compressed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Through JPEG at a quality of 40 to 95."""
    file = BytesIO()
    PillowImage.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(40, 96)))
    return np.asarray(PillowImage.open(file))


def tinted(picture: Picture, rng: np.random.Generator) -> Picture:
    """With contrast, brightness and each channel a little off."""
    gain = np.float32(rng.uniform(0.92, 1.06)) * rng.uniform(0.96, 1.04, 3).astype(np.float32)
    return np.clip(picture * gain + np.float32(rng.uniform(-9, 9)), 0, 255).astype(np.uint8)


_CHANCES: dict[Spoil, float] = {tinted: 0.5, blurred: 0.4, noisy: 0.35, compressed: 0.15}
