"""The upsampler, given true small pictures: is it nearer to the true large ones than plain enlarging is?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F

from limner import Image
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import NAME, Patient
from limner_unclip.training.upsampler import enlarged
from limner_unclip.upsampler import Upsampler

MOST = 16
UNTRAINED = "the upsampler is trained too little: train it on"
WORN = "plain enlarging is nearer: train it on, or lower upsampler.blur, grain and stain, which it has learned to expect"
TOO_EASY = "the pictures have no detail that enlarging could lose: examine with others"


def examine_upsampler(patient: Patient) -> list[Finding]:
    """PSNR of its pictures against the true ones, and by how much that is better than bicubic enlarging."""
    side = int(patient.models.config(NAME, "decoder")["sample_size"]) if patient.has("decoder") else patient.side // 4
    large = patient.images[:MOST]
    small = F.interpolate(large, size=side, mode="area")
    step = patient.step(Upsampler)
    generations = [
        replace(generation, image=Image(image))
        for generation, image in zip(patient.generations([""] * len(small)), small, strict=True)
    ]
    with torch.inference_mode():
        drawn = torch.stack([image.tensor().float().cpu() for image in step.upscale(generations)])
    ours, plain = psnr(drawn, large), psnr(enlarged(small, patient.side).clamp(-1, 1), large)
    return [
        Finding("upsampler", "PSNR", ours, 18.0, 60.0, UNTRAINED, TOO_EASY, " dB"),
        Finding("upsampler", "PSNR above bicubic enlarging", ours - plain, 0.0, 20.0, WORN, TOO_EASY, " dB"),
    ]


def psnr(images: torch.Tensor, true: torch.Tensor) -> float:
    """Mean peak signal-to-noise ratio in decibels; both are (n, 3, height, width) in [-1, 1]."""
    errors = (images - true).square().mean((1, 2, 3)).clamp(min=1e-10)
    return float((10 * (4 / errors).log10()).mean())
