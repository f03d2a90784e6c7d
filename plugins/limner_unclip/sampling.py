"""One denoising step for samples that may differ in everything: solver, timestep, guidance.

What a step needs is on the device from the beginning: the solver's table, the sample's own noise for all its steps, and its
guidance. So a step moves nothing to or from the device and never waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import torch

from limner_unclip import ancestral, ddim, dpm
from limner_unclip.schedules import NoiseSchedule, Plan

if TYPE_CHECKING:
    from limner_unclip.masking import Kept

Solver = Literal["ancestral", "ddim", "dpm++"]
Conditioning = TypeVar("Conditioning")


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory(Generic[Conditioning]):
    """One sample on its way from noise to data.

    `x` is the sample, float32, of any shape; `noise` (plan.draws, *x.shape) what its steps will add, drawn beforehand;
    `previous` the data predicted one step ago, where the solver asks for it; `guidance` a scalar on the device; `kept` what of
    an input image stays; `predicted` the data as the last step predicted them, for a preview.
    """

    plan: Plan
    x: torch.Tensor
    noise: torch.Tensor
    guidance: torch.Tensor
    conditioning: Conditioning
    i: int = 0
    previous: torch.Tensor | None = None
    kept: Kept | None = None
    predicted: torch.Tensor | None = None

    @property
    def steps(self) -> int:
        """How many denoising steps the sample needs, all in all."""
        return self.plan.steps

    def candidate(self, k: int) -> Trajectory[Conditioning]:
        """The k-th of the samples that were drawn side by side in this one."""
        return replace(self, x=self.x[k])


class Sampler:
    """Begins trajectories of one diffusion on one device, and takes them a step further."""

    def __init__(self, schedule: NoiseSchedule, device: torch.device) -> None:
        self.schedule = schedule
        self.device = device
        self.plan = lru_cache(maxsize=32)(self._plan)

    def _plan(self, solver: Solver, steps: int, eta: float) -> Plan:
        if solver == "ancestral":
            plan = ancestral.plan(self.schedule, steps)
        elif solver == "ddim":
            plan = ddim.plan(self.schedule, self.schedule.timesteps(steps), eta)
        else:
            plan = dpm.plan(self.schedule, steps)
        return plan.to(self.device)

    def begin(
        self,
        plan: Plan,
        shape: Sequence[int],
        generator: torch.Generator,
        conditioning: Conditioning,
        *,
        guidance: float = 1.0,
        initial: torch.Tensor | None = None,
    ) -> Trajectory[Conditioning]:
        """A trajectory at its beginning: `initial`, or else Gaussian noise. The generator is a CPU one, for the same noise on
        every device; it is drawn from in the order of the steps."""
        draws = torch.stack([torch.randn(*shape, generator=generator) for _ in range(1 + plan.draws)]).to(self.device)
        x = draws[0] if initial is None else initial.to(self.device, torch.float32)
        return Trajectory(plan, x, draws[1:], torch.tensor(guidance, device=self.device), conditioning)

    def step(self, trajectories: Sequence[Trajectory[Conditioning]], output: torch.Tensor) -> list[Trajectory[Conditioning]]:
        """The trajectories one step further, given the network's guided output, (n, channels or twice as many, ...)."""
        x = stack([t.x for t in trajectories])
        alpha, sigma, c_x, c_x0, c_previous, least, greatest = _columns(trajectories, x.ndim)
        mean, fraction = self._split(output.float(), x.shape[1])
        x0 = mean if self.schedule.prediction == "sample" else (x - sigma * mean) / alpha
        if self.schedule.clip is not None:
            x0 = x0.clamp(-self.schedule.clip, self.schedule.clip)
        x = c_x0 * x0 + c_x * x
        if any(t.previous is not None for t in trajectories):
            x = x + c_previous * stack([x0[k] if t.previous is None else t.previous for k, t in enumerate(trajectories)])
        if any(t.i < t.plan.draws for t in trajectories):
            log_variance = least if fraction is None else fraction * greatest + (1 - fraction) * least
            x = x + (0.5 * log_variance).exp() * _noise(trajectories)
        return [
            replace(t, x=x[k], i=t.i + 1, previous=x0[k] if t.plan.multistep else None, predicted=x0[k])
            for k, t in enumerate(trajectories)
        ]

    def _split(self, output: torch.Tensor, channels: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The network's prediction, and the fraction of the variance's range where it learned one."""
        if output.shape[1] != 2 * channels:
            return output, None
        mean, variance = output.chunk(2, dim=1)
        return mean, (variance + 1) / 2 if self.schedule.variance == "learned_range" else None


def samples(trajectories: Sequence[Trajectory[Conditioning]], *, repeat: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """The samples as they stand, (n, ...), and their timesteps, (n,), each sample `repeat` times in a row."""
    x, timesteps = stack([t.x for t in trajectories]), stack([t.plan.timesteps[t.i] for t in trajectories])
    return (x, timesteps) if repeat == 1 else (x.repeat_interleave(repeat, dim=0), timesteps.repeat_interleave(repeat))


def guide(trajectories: Sequence[Trajectory[Conditioning]], output: torch.Tensor, channels: int) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598), each sample with its own scale.

    `output` is (2n, ...): for each sample the unconditional and the conditional answer. Only the first `channels` are guided;
    a learned variance is that of the conditional answer.
    """
    unconditional, conditional = output.view(-1, 2, *output.shape[1:]).unbind(1)
    scale = stack([t.guidance for t in trajectories]).view(-1, *[1] * (output.ndim - 1))
    mean = unconditional[:, :channels]
    guided = mean + scale * (conditional[:, :channels] - mean)
    return torch.cat([guided, conditional[:, channels:]], dim=1)


def stack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """`torch.stack`, without a copy for one."""
    return tensors[0][None] if len(tensors) == 1 else torch.stack(list(tensors))


def _columns(trajectories: Sequence[Trajectory[Conditioning]], ndim: int) -> tuple[torch.Tensor, ...]:
    """This step's coefficients, each (n, 1, ...)."""
    rows = stack([t.plan.rows[t.i] for t in trajectories])
    return rows.view(*rows.shape, *[1] * (ndim - 1)).unbind(1)


def _noise(trajectories: Sequence[Trajectory[Conditioning]]) -> torch.Tensor:
    return stack([t.noise[t.i] if t.i < t.plan.draws else torch.zeros_like(t.x) for t in trajectories])
