"""A stage that is stopped or killed goes on as if it had not been: the real networks, over pictures that are drawn anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from blocks import RECIPE
from forked import exit_codes, fork

from limner_unclip.training.checkpoint import read
from limner_unclip.training.commands import Session
from limner_unclip.training.data.source import Streamed
from limner_unclip.training.loop import Progress
from limner_unclip.training.stopping import Stopped

STAGES = ("clip", "prior", "direct_prior", "decoder", "upsampler")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads are not there after a fork, and a child that waits for them waits for ever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def session(tmp_path: Path, blocks: Streamed) -> Callable[[str], Session]:
    """Sessions of one recipe in folders of their own; the pool is drawn anew every 6 steps."""

    def opened(folder: str) -> Session:
        recipe = tmp_path / f"{folder}.yaml"
        recipe.write_text(RECIPE.replace("run: run", f"run: {tmp_path / folder}").replace("seed: 3", "seed: 3, renew: 6"))
        return Session(recipe, device="cpu", sources=lambda data: blocks)

    return opened


def at_step_15(number: int) -> Callable[[Progress], None]:
    """A listener that sends a signal to its own process."""
    return lambda progress: os.kill(os.getpid(), number) if progress.step == 15 else None


def assert_same(one: Path, other: Path) -> None:
    (left, state), (right, other_state) = read(one), read(other)
    assert all(torch.equal(left[name], right[name]) for name in left | right)
    assert state["step"] == other_state["step"]


def test_a_killed_stage_ends_with_the_weights_of_an_unbroken_one(session, tmp_path: Path):
    unbroken, killed = session("unbroken"), session("killed")
    for stage in STAGES:
        unbroken.train(stage)
        kill = at_step_15(signal.SIGKILL)
        assert exit_codes([fork(lambda stage=stage, kill=kill: killed.train(stage, [kill], every=5))]) == [-signal.SIGKILL]
        assert read(tmp_path / "killed" / f"{stage}.safetensors")[1]["step"] == 10
        killed.train(stage)
        assert_same(tmp_path / "unbroken" / f"{stage}.safetensors", tmp_path / "killed" / f"{stage}.safetensors")


def test_ctrl_c_ends_the_step_and_saves_it(session, tmp_path: Path):
    unbroken, stopped = session("unbroken"), session("stopped")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="stopped after step 15 of 20, which is saved") as told:
        stopped.train("upsampler", [at_step_15(signal.SIGINT)], every=5)
    assert (told.value.where, told.value.exit_code) == ("upsampler", 130)
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "stopped" / "super_res_first").exists()
    stopped.train("upsampler")
    unbroken.train("upsampler")
    assert_same(tmp_path / "unbroken" / "upsampler.safetensors", tmp_path / "stopped" / "upsampler.safetensors")
