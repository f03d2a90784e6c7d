"""Weights are read straight into the network, as the library's own loader would have it, or left to that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from limner.models import components
from limner.models.streaming import _Stilled, stream


def component(folder: Path, name: str) -> components.Component:
    return components.find("tiny", folder, name)


def streamed(folder: Path, name: str, dtype: torch.dtype = torch.float32) -> nn.Module | None:
    found = component(folder, name)
    network: nn.Module | None = stream(
        components._class(components.CLASSES[found.class_name]), found.folder, found.config(), dtype
    )
    return network


@pytest.mark.parametrize("name", ["prior", "text_encoder", "image_encoder", "text_proj", "decoder", "super_res_first"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_network_is_what_its_library_would_load(karlo: Path, name: str, dtype: torch.dtype) -> None:
    found = component(karlo, name)
    expected = components._load_otherwise(found, components.CLASSES[found.class_name]).to(dtype)
    network = streamed(karlo, name, dtype)
    assert network is not None
    for kind in ("named_parameters", "named_buffers"):
        made, wanted = (dict(getattr(one.to(dtype), kind)()) for one in (network, expected))
        assert made.keys() == wanted.keys()
        for key, value in made.items():
            assert torch.equal(value, wanted[key]), key
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.fixture
def own_copy(karlo: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(karlo, tmp_path / "model"))


def test_weights_in_several_files_are_read_by_their_index(own_copy: Path) -> None:
    folder = own_copy / "prior"
    whole = folder / "diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in halves.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    whole.unlink()
    network = streamed(own_copy, "prior")
    assert network is not None
    assert torch.equal(network.state_dict()["positional_embedding"], tensors["positional_embedding"])


def test_of_two_precisions_the_usual_file_is_read(own_copy: Path) -> None:
    folder = own_copy / "prior"
    whole = folder / "diffusion_pytorch_model.safetensors"
    save_file({name: t.half() for name, t in load_file(whole).items()}, folder / "diffusion_pytorch_model.fp16.safetensors")
    network = streamed(own_copy, "prior")
    assert network is not None
    assert torch.equal(network.state_dict()["prd_embedding"], load_file(whole)["prd_embedding"])


@pytest.mark.parametrize("change", ["missing", "unknown", "of another shape"])
def test_what_is_not_exactly_the_networks_is_left_to_its_library(own_copy: Path, change: str) -> None:
    path = own_copy / "prior" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    if change == "unknown":
        tensors["more"] = torch.zeros(1)
    elif change == "missing":
        del tensors["prd_embedding"]
    else:
        tensors["prd_embedding"] = torch.zeros(1, 1, 7)
    save_file(tensors, path)
    assert streamed(own_copy, "prior") is None


def test_only_parameters_and_only_this_threads_are_stilled() -> None:
    with _Stilled():
        layer = nn.Linear(2, 2)
        before = layer.weight.clone()
        nn.init.constant_(layer.weight, 3.0)
        plain = torch.empty(2).fill_(4.0)
    assert torch.equal(layer.weight.nan_to_num(), before.nan_to_num())
    assert plain.tolist() == [4.0, 4.0]
    nn.init.constant_(layer.weight, 3.0)
    assert layer.weight.tolist() == [[3.0, 3.0], [3.0, 3.0]]
