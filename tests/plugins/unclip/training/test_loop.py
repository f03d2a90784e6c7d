"""The loop on the smallest task there is: a line through points."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from forked import exit_codes, fork
from torch import nn

from limner import ConfigurationError
from limner_unclip.training.average import Average
from limner_unclip.training.loop import Progress, Training, TrainingDiverged, rate_at
from limner_unclip.training.machine import share
from limner_unclip.training.recipe import Optimizing
from limner_unclip.training.reports import reporting
from limner_unclip.training.task import Draw

SETTINGS = Optimizing(steps=40, batch=8, rate=0.3, warm_up=4, save_every=7, average=0.9)


class Line:
    """Fits y = 3x + 1; at step `bad` its loss is no number; at `dies_at` its process is killed, at `breaks_at` its data."""

    def __init__(self, bad: int = -1, dies_at: int = -1, breaks_at: int = -1, inputs: int = 1) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.networks = nn.ModuleDict({"line": nn.Linear(inputs, 1)})
        self.bad, self.dies_at, self.breaks_at, self.calls = bad, dies_at, breaks_at, 0
        self.seen: set[torch.dtype] = set()

    def loss(self, draw: Draw) -> torch.Tensor:
        x = torch.from_numpy(draw.rng.normal(size=(draw.batch, 1))).float()
        self.calls += 1
        if self.calls == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.calls == self.breaks_at:
            raise ConfigurationError("the picture is broken", where="17.png")
        answer = self.networks["line"](x)
        self.seen.add(answer.dtype)
        error = (answer - 3 * x - 1).square().mean()
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


def test_a_killed_run_goes_on_to_the_weights_of_an_unbroken_one(tmp_path: Path):
    unbroken = Training(Line(), SETTINGS, tmp_path / "unbroken.safetensors")
    unbroken.run(ignore)

    def die_at_17() -> None:
        with reporting(tmp_path, "line", 0, []) as report:
            Training(Line(dies_at=17), SETTINGS, tmp_path / "killed.safetensors").run(report, every=1)

    assert exit_codes([fork(die_at_17)]) == [-signal.SIGKILL]
    resumed = Training(Line(), SETTINGS, tmp_path / "killed.safetensors")
    assert resumed.step == 14
    with reporting(tmp_path, "line", resumed.step, []) as report:
        resumed.run(report, every=1)
    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        assert torch.equal(one, other)
    lines = (tmp_path / "metrics" / "line.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 41))


def test_pictures_that_turn_out_broken_stop_the_run_with_its_last_checkpoint(tmp_path: Path):
    training = Training(Line(breaks_at=17), SETTINGS, tmp_path / "line.safetensors")
    with pytest.raises(ConfigurationError, match="the picture is broken"):
        training.run(ignore)
    unbroken = Training(Line(), SETTINGS, tmp_path / "unbroken.safetensors")
    unbroken.run(ignore)
    resumed = Training(Line(), SETTINGS, tmp_path / "line.safetensors")
    assert resumed.step == 14
    resumed.run(ignore)
    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        assert torch.equal(one, other)


def test_a_gradient_is_no_longer_than_the_recipe_allows_and_told_as_it_was(tmp_path: Path):
    reports: list[Progress] = []
    training = Training(Line(), SETTINGS.model_copy(update={"clip": 0.01}), tmp_path / "line.safetensors")
    training.run(reports.append, until=1, every=1)
    used = torch.stack([p.grad.norm() for p in training.parameters if p.grad is not None]).norm()
    assert used.item() == pytest.approx(0.01, rel=1e-3)
    assert reports[0].gradient > 1


def test_bfloat16_trains_float32_weights(tmp_path: Path):
    training = Training(Line(), SETTINGS.model_copy(update={"precision": "bfloat16"}), tmp_path / "line.safetensors")
    reports: list[Progress] = []
    training.run(reports.append, every=20)
    assert training.task.seen == {torch.bfloat16}
    assert {weight.dtype for weight in weights(training)} == {torch.float32}
    assert reports[-1].loss < 0.2 * reports[0].loss


def test_a_checkpoint_of_another_architecture_is_told_by_its_tensors(tmp_path: Path):
    path = tmp_path / "line.safetensors"
    Training(Line(), SETTINGS, path).run(ignore, until=7)
    with pytest.raises(ConfigurationError, match=r"line.weight is \(1, 1\) there and \(1, 2\) here") as refused:
        Training(Line(inputs=2), SETTINGS, path)
    assert refused.value.where == str(path)


def test_a_checkpoint_on_another_foundation_is_refused(tmp_path: Path):
    path = tmp_path / "line.safetensors"
    Training(Line(), SETTINGS, path, foundation="one clip").run(ignore, until=7)
    Training(Line(), SETTINGS, path, foundation="one clip")
    with pytest.raises(ConfigurationError, match="stands on another CLIP"):
        Training(Line(), SETTINGS, path, foundation="another clip")


def test_processes_share_a_batch_evenly_or_not_at_all():
    assert share(12, 3) == 4
    with pytest.raises(ConfigurationError, match="a batch of 8 cannot be shared by 3 processes"):
        share(8, 3)


def test_a_steps_randomness_follows_from_its_number_and_process():
    def first(step: int, process: int) -> float:
        return float(Draw.of(0, step, process, 8).rng.random())

    assert first(3, 0) == first(3, 0)
    assert len({first(3, 0), first(4, 0), first(3, 1)}) == 3


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
