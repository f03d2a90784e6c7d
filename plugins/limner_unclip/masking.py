"""Drawing only a part of an image anew: after each denoising step the rest is put back, noised as that step leaves it.

Lugmayr et al. 2022, RePaint (arXiv 2201.09865), without its repeated steps: no network needs to be trained for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from limner import Generation
from limner_unclip.fitting import Fit
from limner_unclip.inputs import brought

if TYPE_CHECKING:
    from limner_unclip.conditioning import Conditioning
    from limner_unclip.sampling import Trajectory


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What stays: `source` (3, side, side), the image; `changes` (1, side, side), 1 where it is drawn anew, else 0; `noise`."""

    source: torch.Tensor
    changes: torch.Tensor
    noise: torch.Tensor

    @classmethod
    def of(cls, generation: Generation, side: int, noise: torch.Tensor) -> Kept:
        """Image and mask of a request in a square of `side` pixels, of which those change that the mask touches at all."""
        image, mask = brought(generation, "image"), brought(generation, "mask")
        fit, device = Fit(image.size, side), noise.device
        return cls(fit.into(image.tensor(), device), touched(mask.tensor()[:1] > -1, fit).to(device), noise)

    def put_back(self, state: Trajectory[Conditioning]) -> torch.Tensor:
        """The sample of a state, with what stays as it is at the state's noise; at the end of its steps as it is."""
        plan = state.plan
        alpha, sigma = (1.0, 0.0) if state.i == plan.steps else plan.rows[state.i, :2]
        return torch.where(self.changes > 0, state.x, alpha * self.source + sigma * self.noise)


def touched(mask: torch.Tensor, fit: Fit) -> torch.Tensor:
    """The pixels of the square that a mask (1, height, width) of truth values touches: (1, side, side), 1 or 0."""
    left, top, width, height = fit.box
    small = functional.adaptive_max_pool2d(mask.float(), (height, width))
    margins = (left, fit.side - left - width, top, fit.side - top - height)
    return functional.pad(small, margins)
