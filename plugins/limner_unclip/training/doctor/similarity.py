"""Cosines that say something: embeddings of one CLIP all point much the same way, so what is common is taken off first."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def centred_cosines(a: torch.Tensor, b: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Row by row, the cosine of what `a` and `b` (n, dimension) have beside the mean (dimension,)."""
    return F.cosine_similarity(a - mean, b - mean)


def strangers(rows: torch.Tensor) -> torch.Tensor:
    """The same rows in an order in which nearly every row meets another than itself: half the way round."""
    return rows.roll(max(1, len(rows) // 2), 0)


def retrieval(scores: torch.Tensor, true: torch.Tensor) -> float:
    """The share of rows whose best column is a true one; both are (rows, columns)."""
    best = scores.argmax(1)
    return float(true[torch.arange(len(true)), best].float().mean())
