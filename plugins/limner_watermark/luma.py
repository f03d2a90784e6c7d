"""Luma as the mark and its reader see it: the band that carries the pattern, and how busy each place is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import PIL.Image
from numpy.typing import NDArray

LOW, HIGH = 0.035, 0.22  # cycles a pixel: lower ones drown in the picture, higher ones are lost to compression and scaling
MARGIN = 1.15  # how far outside the band the whitening still looks
NEIGHBOURHOOD = 32  # the whitening averages the spectrum over one part in so many of its extent
BLOCK = 8  # pixels over which activity is averaged
CALM = 0.2  # of the mean activity: what is calmer counts as this calm
CLIP = 3.0  # standard deviations

Plane = NDArray[np.float32]


def luma(image: PIL.Image.Image) -> Plane:
    """Rec. 601 luma (height, width), 0 to 255."""
    return np.asarray(image.convert("L"), np.float32)


def activity(plane: Plane, least: float) -> Plane:
    """How busy the band is around each place, in grey levels, (height, width), at least `least`."""
    spectrum = np.fft.rfft2(plane)
    frequency = _frequencies(plane.shape)
    spectrum *= np.where(
        _inside(frequency), frequency / HIGH, 0
    )  # pictures fall as one over the frequency: this evens them out
    return _local_size(np.fft.irfft2(spectrum, plane.shape).astype(np.float32), least)


def prepared(plane: Plane) -> Plane:
    """What the pattern is looked for in: the band alone, whitened, with busy places held down and peaks cut."""
    spectrum = np.fft.rfft2(plane)
    size = _smoothed(np.abs(spectrum))
    spectrum *= np.where(_inside(_frequencies(plane.shape)), 1 / (size + size.max() * 1e-9 + 1e-9), 0)
    white = np.fft.irfft2(spectrum, plane.shape).astype(np.float32)
    white /= white.std() + 1e-9
    levelled = white / _local_size(white, CALM)
    clipped: Plane = np.clip(levelled, -CLIP, CLIP)
    return clipped


@lru_cache(maxsize=4)
def _frequencies(shape: tuple[int, ...]) -> Plane:
    """Of each place in the half spectrum, in cycles a pixel."""
    height, width = shape
    frequency: Plane = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]).astype(np.float32)
    return frequency


def _inside(frequency: Plane) -> NDArray[np.bool_]:
    return (frequency >= LOW / MARGIN) & (frequency <= HIGH * MARGIN)


def _smoothed(size: Plane) -> Plane:
    """The half spectrum's magnitudes averaged over a neighbourhood."""
    height, width = size.shape
    rows, columns = max(1, height // NEIGHBOURHOOD), max(1, width // NEIGHBOURHOOD * 2)
    centred = np.fft.fftshift(size, axes=0)
    return np.fft.ifftshift(_local_mean(centred, rows, columns), axes=0)


def _local_size(plane: Plane, least: float) -> Plane:
    return np.sqrt(np.maximum(_local_mean(plane * plane, BLOCK, BLOCK), least * least))


def _local_mean(plane: Plane, rows: int, columns: int) -> Plane:
    """Means over blocks of so many rows and columns, drawn out smoothly to the plane's own size."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % rows), (0, -width % columns)), mode="edge")
    means = padded.reshape(padded.shape[0] // rows, rows, -1, columns).mean(axis=(1, 3), dtype=np.float32)
    smooth = PIL.Image.fromarray(means).resize((padded.shape[1], padded.shape[0]), PIL.Image.Resampling.BILINEAR)
    return np.asarray(smooth)[:height, :width]
