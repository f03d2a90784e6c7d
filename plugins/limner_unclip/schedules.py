"""The cosine noise schedule, and what every solver makes of it: a table with one row of coefficients a step.

All solvers here are linear in what they know, so one update serves them all:

    x' = c_x · x + c_x0 · x0 + c_previous · x0_previous + exp(log_variance / 2) · noise

and samples with different solvers, step counts and timesteps can share one call of the network. Tables are float32 and follow
the order of operations of diffusers' UnCLIPScheduler: near the end of the schedule 1 - ᾱ is so small that another order would
move the coefficients by more than 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import torch

from limner import ModelError, UsageError

Prediction = Literal["epsilon", "sample"]
Variance = Literal["fixed_small_log", "learned_range"]
SMALLEST_VARIANCE = 1e-20


@dataclass(frozen=True)
class NoiseSchedule:
    """A trained diffusion: how noise was added to its data, and what its network predicts.

    `prediction` is of the noise (`epsilon`) or of the data (`sample`). `variance` is that of the ancestral step: fixed, or
    learned as the fraction between its two bounds on a log scale, in a second half of the channels (Nichol & Dhariwal 2021,
    arXiv 2102.09672). `clip` bounds the predicted data, None for no bound.
    """

    train_timesteps: int = 1000
    prediction: Prediction = "epsilon"
    variance: Variance = "fixed_small_log"
    clip: float | None = 1.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, where: str) -> Self:  # JSON of a scheduler_config.json
        """Read a scheduler_config.json. Raises ModelError where it asks for what is not unCLIP's."""
        _require(config, "beta_schedule", ("squaredcos_cap_v2",), where)
        return cls(
            train_timesteps=int(config.get("num_train_timesteps", 1000)),
            prediction=_require(config, "prediction_type", ("epsilon", "sample"), where),
            variance=_require(config, "variance_type", ("fixed_small_log", "learned_range"), where),
            clip=float(config.get("clip_sample_range", 1.0)) if config.get("clip_sample", True) else None,
        )

    @cached_property
    def betas(self) -> torch.Tensor:
        """(train_timesteps,) float32: the cosine schedule, each beta at most 0.999."""
        n = self.train_timesteps
        return torch.tensor([min(1 - _cosine((i + 1) / n) / _cosine(i / n), 0.999) for i in range(n)])

    @cached_property
    def alphas_cumprod(self) -> torch.Tensor:
        """(train_timesteps,) float32: ᾱ, the share of the data's variance that is left at each timestep."""
        return torch.cumprod(1.0 - self.betas, dim=0)

    def timesteps(self, steps: int) -> list[int]:
        """`steps` timesteps from the last to 0, evenly spread as UnCLIPScheduler does; for one step, the last alone."""
        if steps > self.train_timesteps:
            raise UsageError(f"{steps} steps of a diffusion trained with {self.train_timesteps}", fix="ask for fewer steps")
        if steps == 1:
            return [self.train_timesteps - 1]
        ratio = (self.train_timesteps - 1) / (steps - 1)
        return [round(i * ratio) for i in reversed(range(steps))]

    def at(self, timesteps: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """ᾱ at the timesteps, and ᾱ at the one that follows each: 1, no noise at all, after the last."""
        here = self.alphas_cumprod[torch.tensor(timesteps)]
        return here, torch.cat([here[1:], torch.ones(1)])


@dataclass(frozen=True)
class Plan:
    """A solver's table for one number of steps.

    `timesteps` (steps,) int64; `rows` (steps, 7) float32: √ᾱ, √(1-ᾱ), c_x, c_x0, c_previous, and the least and greatest log
    variance, between which the network's learned fraction chooses where it has one. `draws` is how many of the steps, from the
    first, add noise.
    """

    timesteps: torch.Tensor
    rows: torch.Tensor
    draws: int
    multistep: bool = False

    @classmethod
    def build(
        cls,
        timesteps: Sequence[int],
        alphas_cumprod: torch.Tensor,
        *,
        x: torch.Tensor,
        x0: torch.Tensor,
        previous: torch.Tensor | None = None,
        variance: torch.Tensor | None = None,
        greatest_variance: torch.Tensor | None = None,
    ) -> Self:
        """A table from the coefficients, each (steps,). Without `variance` no step adds noise."""
        none = torch.zeros_like(x)
        least = none if variance is None else variance
        greatest = least if greatest_variance is None else greatest_variance
        logs = [v.clamp(min=SMALLEST_VARIANCE).log() for v in (least, greatest)]
        columns = [alphas_cumprod**0.5, (1 - alphas_cumprod) ** 0.5, x, x0, none if previous is None else previous, *logs]
        draws = 0 if variance is None else len(timesteps) - 1
        return cls(torch.tensor(timesteps), torch.stack(columns, dim=1), draws, multistep=previous is not None)

    @property
    def steps(self) -> int:
        """How many steps the plan has."""
        return len(self.timesteps)

    def to(self, device: torch.device) -> Plan:
        """The plan on a device, so that no step has to move anything."""
        return Plan(self.timesteps.to(device), self.rows.to(device), self.draws, self.multistep)


def _cosine(t: float) -> float:
    return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2


def _require(config: Mapping[str, Any], key: str, known: tuple[str, ...], where: str) -> Any:  # JSON in, one of known out
    value = config.get(key, known[0])
    if value not in known:
        raise ModelError(f"{key} is {value!r}", where=where, fix=f"unCLIP schedulers have {' or '.join(known)}")
    return value
