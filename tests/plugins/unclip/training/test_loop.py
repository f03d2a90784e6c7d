"""The loop on the smallest task there is: a line through points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from limner import ConfigurationError
from limner_unclip.training.average import Average
from limner_unclip.training.loop import Progress, Training, TrainingDiverged, rate_at
from limner_unclip.training.recipe import Optimizing

SETTINGS = Optimizing(steps=40, batch=8, rate=0.3, warm_up=4, save_every=7, average=0.9)


class Line:
    """Fits y = 3x + 1; at step `bad` it returns a loss that is no number."""

    def __init__(self, bad: int = -1) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.networks = nn.ModuleDict({"line": nn.Linear(1, 1)})
        self.bad, self.calls = bad, 0

    def loss(self, rng: np.random.Generator, batch: int) -> torch.Tensor:
        x = torch.from_numpy(rng.normal(size=(batch, 1))).float()
        self.calls += 1
        error = (self.networks["line"](x) - 3 * x - 1).square().mean()
        return error * float("nan") if self.calls == self.bad else error


def ignore(progress: Progress) -> None:
    pass


def weights(training: Training) -> list[torch.Tensor]:
    return [p.detach().clone() for p in training.parameters] + training.average.weights


def test_the_loss_falls_and_is_reported(tmp_path: Path):
    reports: list[Progress] = []
    Training(Line(), SETTINGS, tmp_path / "line.safetensors").run(reports.append, every=10)
    assert [(report.step, report.steps) for report in reports] == [(10, 40), (20, 40), (30, 40), (40, 40)]
    assert reports[-1].loss < 0.2 * reports[0].loss


def test_a_resumed_run_takes_the_steps_of_an_unbroken_one(tmp_path: Path):
    unbroken = Training(Line(), SETTINGS, tmp_path / "unbroken.safetensors")
    unbroken.run(ignore)
    Training(Line(), SETTINGS, tmp_path / "broken.safetensors").run(ignore, until=17)
    resumed = Training(Line(), SETTINGS, tmp_path / "broken.safetensors")
    assert resumed.step == 17
    resumed.run(ignore)
    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        assert torch.equal(one, other)


def test_a_loss_that_is_no_number_stops_with_networks_and_checkpoint_intact(tmp_path: Path):
    training = Training(Line(bad=20), SETTINGS, tmp_path / "line.safetensors")
    with pytest.raises(TrainingDiverged, match="step 20: the loss is nan"):
        training.run(ignore)
    assert all(bool(torch.isfinite(weight).all()) for weight in weights(training))
    resumed = Training(Line(), SETTINGS, tmp_path / "line.safetensors")
    assert resumed.step == 14
    resumed.run(ignore)
    assert resumed.step == 40


def test_the_rate_warms_up_and_falls_to_its_last_share():
    rates = [rate_at(SETTINGS, step) for step in range(40)]
    assert rates[0] == pytest.approx(0.3 / 4)
    assert max(rates) == max(rates[3:6])
    assert rates == sorted(rates[:4]) + sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.1 * 0.3


def test_the_average_forgets_the_start_quickly():
    parameter = nn.Parameter(torch.zeros(1))
    average = Average([parameter], decay=0.999)
    parameter.data.fill_(1.0)
    for _ in range(50):
        average.update()
    assert average.weights[0].item() > 0.99
    with average.applied():
        assert parameter.item() == average.weights[0].item() or parameter.item() > 0.99
    assert parameter.item() == 1.0


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path):
    path = tmp_path / "line.safetensors"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ConfigurationError, match="remove it to train this stage anew") as refused:
        Training(Line(), SETTINGS, path)
    assert refused.value.where == str(path)
