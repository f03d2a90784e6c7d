"""Where training runs: one process or several, on CPUs or GPUs, as accelerate finds or launched them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from limner import ConfigurationError
from limner_unclip.training.extra import training_library

if TYPE_CHECKING:
    from accelerate import Accelerator


def new_accelerator(device: str = "auto") -> Accelerator:
    """accelerate's view of this run. `auto` is the accelerator if there is one, or what `accelerate launch` was told.

    Raises ConfigurationError for a device that this machine does not have, and where fewer processes run than were asked for.
    """
    library = training_library("accelerate")
    if device != "auto":
        find_device(device)
    accelerator: Accelerator = library.Accelerator(cpu=device == "cpu")
    if accelerator.num_processes == 1 and _several_were_asked_for():
        raise ConfigurationError(
            "accelerate was asked for several processes on CPUs and started one, as it does without MPI",
            fix="accelerate launch --multi_gpu --num_processes N -m limner train ... --device cpu",
        )
    return accelerator


def _several_were_asked_for() -> bool:
    """Whether `accelerate launch --cpu` was given more than one process: only then does it name an address to meet at."""
    return os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_ADDR" in os.environ


def find_device(name: str) -> torch.device:
    """A device by name; `auto` is the accelerator if there is one, else the CPU. Raises ConfigurationError for any other."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(f"cannot use device {name!r}", fix="choose auto, cpu, mps or cuda") from error


def share(batch: int, processes: int) -> int:
    """A process's share of a batch. Raises ConfigurationError where the processes cannot share it evenly."""
    if batch % processes:
        raise ConfigurationError(
            f"a batch of {batch} cannot be shared by {processes} processes", fix="make `batch` a multiple of the processes"
        )
    return batch // processes
