"""Components that are Limner's own, beside those of diffusers: a folder with a config.json and a model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from limner import ModelError, Models

CONFIG, WEIGHTS = "config.json", "model.safetensors"

Tensors = Mapping[str, torch.Tensor]


def save_component(folder: Path, class_name: str, config: Mapping[str, Any], tensors: Tensors) -> None:  # config: JSON
    """Write a component; its config.json tells what it is."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({"_class_name": class_name, **config}, indent=2) + "\n", "utf-8")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)


def load_component(models: Models, model: str, name: str, class_name: str) -> tuple[Mapping[str, Any], dict[str, torch.Tensor]]:
    """Configuration and tensors of a component, float32 on the CPU. Raises ModelError for none, or one of another class."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = models.config(model, name)
    if config.get("_class_name") != class_name:
        raise ModelError(f"is a {config.get('_class_name')}, not a {class_name}", where=f"{model}/{name}")
    path = models.directory(model) / name / WEIGHTS
    try:
        return config, {key: tensor.float() for key, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}", where=f"{model}/{name}", fix="fetch the file again") from error


def check_tensors(tensors: Tensors, shapes: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raise ModelError where the tensors are not those, in name and shape, that the configuration promises."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in {*found, *shapes} if found.get(name) != shapes.get(name))
    if wrong:
        name = wrong[0]
        what = f"{name} is {found.get(name, 'absent')} and its config.json wants {shapes.get(name, 'none of that name')}"
        raise ModelError(what, where=where, fix="fetch or train the component again")
