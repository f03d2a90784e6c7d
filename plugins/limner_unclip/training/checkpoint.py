"""A training checkpoint: one safetensors file with all tensors, and beside them, as its metadata, what JSON can hold.

Never a pickle: a checkpoint that somebody sends can be resumed from without running their code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from limner import ConfigurationError

STATE = "state"

Tensors = Mapping[str, torch.Tensor]


def write(path: Path, tensors: Tensors, state: Mapping[str, Any]) -> None:  # state: JSON
    """Write the checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata={STATE: json.dumps(state)})
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:  # tensors and JSON
    """Tensors and state of a checkpoint. Raises ConfigurationError for a file that is none."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
            return tensors, json.loads(file.metadata()[STATE])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the checkpoint cannot be read: {error}", where=str(path), fix="remove it to train this stage anew"
        ) from error


def part(tensors: Tensors, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names start with `prefix.`, without it."""
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def check_form(path: Path, saved: Tensors, wanted: Tensors) -> None:
    """Raise ConfigurationError naming the first tensors by which a checkpoint is of other networks than those wanted."""
    names = sorted(name for name in {*saved, *wanted} if _shape(saved, name) != _shape(wanted, name))
    if names:
        told = "; ".join(f"{name} is {_shape(saved, name)} there and {_shape(wanted, name)} here" for name in names[:3])
        more = f"; and {len(names) - 3} more" if len(names) > 3 else ""
        raise ConfigurationError(
            f"the checkpoint is of another architecture: {told}{more}",
            where=str(path),
            fix="go on with the recipe it was made with, or remove it to train this stage anew",
        )


def check_foundation(path: Path, state: Mapping[str, Any], foundation: str) -> None:
    """Raise ConfigurationError for a checkpoint whose networks learned on top of another frozen model than there is now."""
    if state.get("foundation", "") != foundation:
        raise ConfigurationError(
            "the checkpoint stands on another CLIP than the one in this run",
            where=str(path),
            fix="bring that CLIP back, or remove the checkpoint to train this stage anew",
        )


def _shape(tensors: Tensors, name: str) -> str:
    return str(tuple(tensors[name].shape)) if name in tensors else "absent"
