"""DDIM backwards: from an image to the noise it would be drawn from (Song, Meng & Ermon 2020, arXiv 2010.02502, section 4.3).

Each step up is guessed from the data predicted at the one before, and corrected once by how far the step down from the guess
misses. At the least noise nothing is asked of the network: there the slightest miss, divided by so little noise, would be noise
such as the network never saw, while on the way down those steps forgive much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from limner_unclip.conditioning import Conditioning
from limner_unclip.interpolation import slerp
from limner_unclip.sampling import Trajectory
from limner_unclip.schedules import Plan

LEAST_NOISE = 0.1  # √(1-ᾱ); below, the sample is taken to be the image alone
NO_NOISE = 1e-6  # divides what is zero where there is no noise


@dataclass(frozen=True, slots=True, eq=False)
class Ascent:
    """One image on its way to noise: `x` as it stands below row `i` of the plan, `x0` the data last predicted."""

    plan: Plan
    x: torch.Tensor
    x0: torch.Tensor
    i: int
    conditioning: Conditioning
    guidance: torch.Tensor

    @classmethod
    def begin(cls, plan: Plan, image: torch.Tensor, conditioning: Conditioning, guidance: float) -> Ascent:
        """An image (3, height, width) at the last row of the plan that is worth asking the network about."""
        noisy = int((plan.rows[:, 1] >= LEAST_NOISE).sum())
        i = max(noisy, 1) - 1
        ascent = cls(plan, image, image, i, conditioning, torch.tensor(guidance, device=image.device))
        return replace(ascent, x=ascent.level[0] * image)

    @property
    def level(self) -> tuple[torch.Tensor, torch.Tensor]:
        """√ᾱ and √(1-ᾱ) where `x` stands: no noise at all below the last row."""
        if self.i + 1 == self.plan.steps:
            return self.x.new_ones(()), self.x.new_zeros(())
        alpha, sigma = self.plan.rows[self.i + 1, :2]
        return alpha, sigma

    def guess(self) -> Trajectory[Conditioning]:
        """The sample at row `i`, were the data and the noise as they last seemed: at first, no noise."""
        alpha, sigma = self.level
        next_alpha, next_sigma = self.plan.rows[self.i, :2]
        noise = (self.x - alpha * self.x0) / sigma.clamp(min=NO_NOISE)
        x = next_alpha * self.x0 + next_sigma * noise
        return Trajectory(self.plan, x, x.new_empty(0), self.guidance, self.conditioning, self.i)

    def corrected(self, guess: Trajectory[Conditioning], back: torch.Tensor) -> Ascent:
        """One row up: the guess, moved by what the step down from it missed `x` by. `back` is where that step came out."""
        c_x, c_x0 = self.plan.rows[self.i, 2:4]
        x0 = (back - c_x * guess.x) / c_x0
        return replace(self, x=guess.x + (self.x - back), x0=x0, i=self.i - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Inversion:
    """The state of `unclip.invert`: one image on its way to noise, or two, and the `weight` of the second between them.

    `steps` is how many steps there are, each of which asks the network once.
    """

    ascents: tuple[Ascent, ...]
    weight: float
    steps: int

    def noise(self) -> torch.Tensor:
        """The noise that was found, between those of two images where there are two."""
        if len(self.ascents) == 1:
            return self.ascents[0].x
        return slerp(self.ascents[0].x, self.ascents[1].x, self.weight)
