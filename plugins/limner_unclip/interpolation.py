"""Between two embeddings, or two noises: along the sphere, as the paper does it (DALL·E 2, section 3.2)."""

from __future__ import annotations

import torch

NEARLY_PARALLEL = 1e-3  # radians; below, a straight line is the arc


def slerp(a: torch.Tensor, b: torch.Tensor, weight: float) -> torch.Tensor:
    """From `a` (weight 0) to `b` (weight 1), of any one shape: directions along the great circle, lengths in proportion.

    The ends are `a` and `b` to the bit.
    """
    if weight in (0.0, 1.0):
        return b if weight else a
    lengths = a.norm(), b.norm()
    one, other = a / lengths[0].clamp(min=1e-12), b / lengths[1].clamp(min=1e-12)
    angle = torch.arccos((one * other).sum().clamp(-1, 1))
    if angle < NEARLY_PARALLEL or angle > torch.pi - NEARLY_PARALLEL:
        return torch.lerp(a, b, weight)
    direction: torch.Tensor = (torch.sin((1 - weight) * angle) * one + torch.sin(weight * angle) * other) / torch.sin(angle)
    return direction * torch.lerp(lengths[0], lengths[1], weight)
