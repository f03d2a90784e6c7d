"""What a stage adds to the loop: its networks and its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Draw:
    """One process's part in one step: the step's number from 0, its own random generator, and how many pictures it takes."""

    step: int
    rng: np.random.Generator
    batch: int

    @classmethod
    def of(cls, seed: int, step: int, process: int, batch: int) -> Draw:
        """The generator follows from seed, step and process alone, so a resumed run draws what an unbroken one would have."""
        return cls(step, np.random.default_rng((seed, step, process)), batch)


class Task(Protocol):
    """One stage's part: `networks` are trained, and saved under their names."""

    networks: nn.ModuleDict

    def loss(self, draw: Draw) -> torch.Tensor:
        """The loss of a batch; all its randomness comes from `draw.rng`."""


class Objective(nn.Module):
    """A task as a module whose call is the loss: what accelerate shares out among processes.

    With `bfloat16` the networks run in it, under autocast; weights, averages and the optimizer stay float32.
    """

    def __init__(self, task: Task, precision: str, device: torch.device) -> None:
        super().__init__()
        self.networks = task.networks
        self._task = task
        self._autocast: Any = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")  # untyped context

    def forward(self, draw: Draw) -> torch.Tensor:
        """The loss, float32."""
        with self._autocast:
            loss = self._task.loss(draw)
        return loss.float()
