"""Where training runs is where it was asked to."""

from __future__ import annotations

import pytest

from limner import ConfigurationError
from limner_unclip.training.machine import new_accelerator


def test_several_processes_of_which_one_was_started_are_not_trained_with(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert new_accelerator().num_processes == 1
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # what `accelerate launch --cpu --num_processes 2` sets, and no more
    with pytest.raises(ConfigurationError, match="asked for several processes on CPUs and started one"):
        new_accelerator()
