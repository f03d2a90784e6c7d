"""The loop that all stages share: draw, descend, average, save; stopped at any point, it goes on as if it had not been.

What a stage adds is a `Task`: its trainable networks and its loss. A checkpoint holds all that the next step depends on, the
random generator included, so a resumed run takes the very steps an unbroken one would have taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from limner import LimnerError
from limner_unclip.training import checkpoint
from limner_unclip.training.average import Average
from limner_unclip.training.recipe import Optimizing

BETAS = (0.9, 0.98)


class Task(Protocol):
    """One stage's part: `networks` are trained, and saved under their names."""

    networks: nn.ModuleDict

    def loss(self, rng: np.random.Generator, batch: int) -> torch.Tensor:
        """The loss of a batch drawn with `rng`; all its randomness comes from there."""


class TrainingDiverged(LimnerError):
    """The loss or its gradient is no longer finite. The networks and the last checkpoint are as before the bad step."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come: the mean loss is over the steps since the last report."""

    step: int
    steps: int
    loss: float


Report = Callable[[Progress], None]


def rate_at(settings: Optimizing, step: int) -> float:
    """The learning rate of a step: a linear warm-up times a cosine from 1 down to `final_rate`."""
    warm = min(1.0, (step + 1) / max(1, settings.warm_up))
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / settings.steps)
    return settings.rate * warm * (settings.final_rate + (1 - settings.final_rate) * cosine)


class Training:
    """A task on its way. `step` counts the steps done."""

    def __init__(self, task: Task, settings: Optimizing, checkpoint: Path) -> None:
        self.task, self.settings, self.checkpoint = task, settings, checkpoint
        self.parameters = [p for p in task.networks.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(_groups(self.parameters, settings.decay), lr=settings.rate, betas=BETAS, fused=True)
        self.average = Average(self.parameters, settings.average)
        self.rng = np.random.default_rng(settings.seed)
        self.step = 0
        if checkpoint.exists():
            self._resume()

    def run(self, report: Report, *, until: int | None = None, every: int = 100) -> None:
        """Train to the last step, or to step `until`. Raises TrainingDiverged at the first step that is not finite."""
        losses: list[float] = []
        for _ in range(self.step, min(until or self.settings.steps, self.settings.steps)):
            losses.append(self._descend())
            if self.step % every == 0 or self.step == self.settings.steps:
                report(Progress(self.step, self.settings.steps, float(np.mean(losses))))
                losses.clear()
            if self.step % self.settings.save_every == 0:
                self.save()
        self.save()

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        tensors = {f"networks.{name}": tensor for name, tensor in self.task.networks.state_dict().items()}
        tensors |= {f"average.{i}": tensor for i, tensor in enumerate(self.average.weights)}
        for i, parameter in enumerate(self.parameters):
            tensors |= {f"optimizer.{i}.{name}": tensor for name, tensor in self.optimizer.state.get(parameter, {}).items()}
        state = {"step": self.step, "updates": self.average.updates, "rng": self.rng.bit_generator.state}
        checkpoint.write(self.checkpoint, tensors, state)

    def _descend(self) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.settings, self.step)
        loss = self.task.loss(self.rng, self.settings.batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if not bool(torch.isfinite(loss) & torch.isfinite(norm)):
            raise TrainingDiverged(
                f"step {self.step + 1}: the loss is {loss.item():g} and its gradient {norm.item():g}",
                where=str(self.checkpoint),
                fix="train on from the last checkpoint with a lower rate",
            )
        self.optimizer.step()
        self.average.update()
        self.step += 1
        return float(loss.item())

    def _resume(self) -> None:
        tensors, state = checkpoint.read(self.checkpoint)
        self.task.networks.load_state_dict(checkpoint.part(tensors, "networks"))
        self.average.restore([tensors[f"average.{i}"] for i in range(len(self.parameters))], state["updates"])
        for i, parameter in enumerate(self.parameters):
            self.optimizer.state[parameter] = checkpoint.part(tensors, f"optimizer.{i}")
        self.rng.bit_generator.state = state["rng"]
        self.step = state["step"]


def _groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:  # as torch's optimizers take them
    matrices = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
