"""The prior in closed form: the ridge regression from text to image embedding (Hoerl & Kennard 1970)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from limner_unclip.training.encoders import Embedded, Encoders
from limner_unclip.training.recipe import RidgePrior

SLICE = 500


@dataclass(frozen=True, slots=True)
class Fit:
    """image = text · weight + bias; `weight` (text dimension, image dimension), `bias` (image dimension,), float32."""

    weight: torch.Tensor
    bias: torch.Tensor


def fit_ridge(texts: torch.Tensor, images: torch.Tensor, penalty: float) -> Fit:
    """The least squares with `penalty` times the mean variance of the text embeddings on each squared weight.

    `texts` (n, text dimension) and `images` (n, image dimension) are paired. Solved in float64; the bias is not penalised.
    """
    texts, images = texts.double(), images.double()
    text_mean, image_mean = texts.mean(0), images.mean(0)
    x, y = texts - text_mean, images - image_mean
    covariance = x.T @ x / len(x)
    ridge = penalty * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.float64, device=x.device)
    weight = torch.linalg.solve(covariance + ridge, x.T @ y / len(x))
    return Fit(weight.float(), (image_mean - text_mean @ weight).float())


def fit_ridge_prior(settings: RidgePrior, lesson: Embedded, encoders: Encoders, seed: int) -> Fit:
    """The regression over one caption for each of the pictures, at random."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(lesson.pool))[: settings.pictures]
    wordings = lesson.pool.wordings(rng, rows)
    slices = [slice(start, start + SLICE) for start in range(0, len(rows), SLICE)]
    texts = [encoders.text(lesson.pool.tokens(rows[part], wordings[part])).pooled.cpu() for part in slices]
    return fit_ridge(torch.cat(texts), lesson.embeddings[torch.from_numpy(rows)], settings.penalty)
