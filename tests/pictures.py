"""Pictures to mark: scenes of our own, and textures that no photograph outdoes."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing


def scene(size: int = 512) -> PIL.Image.Image:
    things = (Thing("circle", "red", "large", 0.3, 0.4, 0.22), Thing("star", "blue", "small", 0.75, 0.6, 0.15))
    return PIL.Image.fromarray(render(Scene("beige", things, "left of"), size))


def clouds(seed: int, size: int = 512) -> PIL.Image.Image:
    """Noise whose spectrum falls as a photograph's does, in colour."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]) + 1 / size
    layers = []
    for _ in range(3):
        layer = np.fft.irfft2(np.fft.rfft2(random.normal(size=(size, size))) / frequency**1.2)
        layers.append(128 + 50 * layer / layer.std())
    return PIL.Image.fromarray(np.clip(np.stack(layers, axis=2), 0, 255).astype(np.uint8))


def saved(image: PIL.Image.Image, format: str, quality: int) -> PIL.Image.Image:
    file = io.BytesIO()
    image.save(file, format, quality=quality)
    return PIL.Image.open(file).convert("RGB")
