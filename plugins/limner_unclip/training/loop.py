"""The loop that all stages share: draw, descend, average, save; stopped at any point, it goes on as if it had not been.

A checkpoint holds all that the next step depends on, and the randomness of a step follows from its number. So a resumed run
takes the very steps an unbroken one would have taken, whether it ended, failed or was killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from limner import LimnerError
from limner_unclip.training import checkpoint
from limner_unclip.training.average import Average
from limner_unclip.training.machine import new_accelerator, share
from limner_unclip.training.recipe import Optimizing
from limner_unclip.training.task import Draw, Objective, Task

if TYPE_CHECKING:
    from accelerate import Accelerator

BETAS = (0.9, 0.98)


class TrainingDiverged(LimnerError):
    """The loss or its gradient is no longer finite. The networks and the last checkpoint are as before the bad step."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come: mean loss and mean norm of the gradient since the last report, over all processes."""

    step: int
    steps: int
    loss: float
    gradient: float
    rate: float
    pictures_per_second: float


Report = Callable[[Progress], None]


def rate_at(settings: Optimizing, step: int) -> float:
    """The learning rate of a step: a linear warm-up times a cosine from 1 down to `final_rate`."""
    warm = min(1.0, (step + 1) / max(1, settings.warm_up))
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / settings.steps)
    return settings.rate * warm * (settings.final_rate + (1 - settings.final_rate) * cosine)


class Training:
    """A task on its way. `step` counts the steps done, `seconds` what they took; `loss` is the last one reported.

    Goes on from `checkpoint` where that file is. `foundation` names what the task stands on, the hash of a frozen CLIP say: a
    checkpoint that stood on another is refused.
    """

    def __init__(
        self,
        task: Task,
        settings: Optimizing,
        checkpoint: Path,
        accelerator: Accelerator | None = None,
        *,
        foundation: str = "",
    ) -> None:
        self.task, self.settings, self.checkpoint, self.foundation = task, settings, checkpoint, foundation
        self.accelerator = accelerator or new_accelerator("cpu")
        self.batch = share(settings.batch, self.accelerator.num_processes)
        self.parameters = [p for p in task.networks.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(_groups(self.parameters, settings.decay), lr=settings.rate, betas=BETAS, fused=True)
        self.average = Average(self.parameters, settings.average)
        self.step, self.seconds = 0, 0.0
        self.loss: float | None = None
        if checkpoint.exists():
            self._resume()
        objective = Objective(task, settings.precision, self.accelerator.device)
        self.objective: nn.Module = self.accelerator.prepare_model(objective)

    def run(
        self, report: Report, *, until: int | None = None, every: int = 100, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Train to the last step, or to step `until`, or to the first one after which it is `stopped`; save where it ends.

        Raises TrainingDiverged at the first step that is not finite.
        """
        last = min(until or self.settings.steps, self.settings.steps)
        recent, began, before = _Recent(), time.monotonic(), self.seconds
        while self.step < last:
            recent.add(*self._descend())
            if self.step % every == 0 or self.step == self.settings.steps:
                progress = recent.report(self)
                report(progress)
                self.loss, recent = progress.loss, _Recent()
            if stopped():
                last = self.step
            if self.step % self.settings.save_every == 0 or self.step == last:
                self.seconds = before + time.monotonic() - began
                self.save()

    def save(self) -> None:
        """Write the checkpoint whole or not at all; one process does it for all."""
        if not self.accelerator.is_main_process:
            return
        tensors = {f"networks.{name}": tensor for name, tensor in self.task.networks.state_dict().items()}
        tensors |= {f"average.{i}": tensor for i, tensor in enumerate(self.average.weights)}
        for i, parameter in enumerate(self.parameters):
            tensors |= {f"optimizer.{i}.{name}": tensor for name, tensor in self.optimizer.state.get(parameter, {}).items()}
        state = {"step": self.step, "seconds": self.seconds, "loss": self.loss}
        checkpoint.write(self.checkpoint, tensors, {**state, "updates": self.average.updates, "foundation": self.foundation})

    def _descend(self) -> tuple[torch.Tensor, torch.Tensor]:
        """One step; the loss and the norm of its gradient, of all processes."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.settings, self.step)
        loss = self.objective(Draw.of(self.settings.seed, self.step, self.accelerator.process_index, self.batch))
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        loss = self.accelerator.reduce(loss.detach(), "mean")
        if not bool(torch.isfinite(loss) & torch.isfinite(norm)):
            raise TrainingDiverged(
                f"step {self.step + 1}: the loss is {loss.item():g} and its gradient {norm.item():g}",
                where=str(self.checkpoint),
                fix="train on from the last checkpoint with a lower rate, a longer warm-up, or in float32",
            )
        self.optimizer.step()
        self.average.update()
        self.step += 1
        return loss, norm

    def _resume(self) -> None:
        tensors, state = checkpoint.read(self.checkpoint)
        checkpoint.check_form(self.checkpoint, checkpoint.part(tensors, "networks"), self.task.networks.state_dict())
        checkpoint.check_foundation(self.checkpoint, state, self.foundation)
        self.task.networks.load_state_dict(checkpoint.part(tensors, "networks"))
        self.average.restore([tensors[f"average.{i}"] for i in range(len(self.parameters))], state["updates"])
        for i, parameter in enumerate(self.parameters):
            saved = checkpoint.part(tensors, f"optimizer.{i}")
            self.optimizer.state[parameter] = {name: _laid_out(tensor, parameter) for name, tensor in saved.items()}
        self.step, self.seconds, self.loss = state["step"], state["seconds"], state["loss"]


class _Recent:
    """The steps since the last report."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._norms: list[torch.Tensor] = []
        self._began = time.monotonic()

    def add(self, loss: torch.Tensor, norm: torch.Tensor) -> None:
        self._losses.append(loss)
        self._norms.append(norm)

    def report(self, training: Training) -> Progress:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return Progress(
            step=training.step,
            steps=training.settings.steps,
            loss=torch.stack(self._losses).mean().item(),
            gradient=torch.stack(self._norms).mean().item(),
            rate=rate_at(training.settings, training.step - 1),
            pictures_per_second=len(self._losses) * training.settings.batch / seconds,
        )


def _laid_out(tensor: torch.Tensor, parameter: nn.Parameter) -> torch.Tensor:
    """A saved tensor on its parameter's device and in its layout: the fused optimizer walks both as they lie in memory."""
    if tensor.shape != parameter.shape:
        return tensor.to(parameter.device)
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:  # as torch's optimizers take them
    matrices = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
