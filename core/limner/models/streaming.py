"""Reading weights straight into a network, one tensor at a time: what is in memory is the network, and one tensor.

Loaded the usual way, a network has random weights first, in float32, and then a second copy of all of them. Here it is built
with its initialisers stilled, so that memory for its first weights is never touched, and each is replaced by what its file
says, already in the precision that is wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors")
INITIALISERS = frozenset({
    "normal_", "uniform_", "constant_", "ones_", "zeros_", "fill_", "zero_", "trunc_normal_",
    "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_",
})  # fmt: skip


class _Stilled(TorchFunctionMode):
    """Initialisers of parameters do nothing, on this thread alone: the parameters get their values from a file."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        filled = args[0] if args else given.get("tensor")  # torch.nn.init hands its argument over by name
        if isinstance(filled, nn.Parameter) and getattr(func, "__name__", "") in INITIALISERS:
            return filled
        return func(*args, **given)


def stream(cls: Any, folder: Path, config: Mapping[str, Any], dtype: torch.dtype) -> Any | None:  # the libraries are untyped
    """The network of this class in a component's folder, on the CPU in `dtype`; None if its files are not exactly its weights.

    Then the library's own loader may know what to do with them, or say what is wrong.
    """
    files = _weights(folder)
    with _Stilled():
        network = _built(cls, folder, config)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(entry["shape"]) for file in files for name, entry in _header(file)[0].items()}
    ignored = [re.compile(pattern) for pattern in getattr(cls, "_keys_to_ignore_on_load_unexpected", None) or ()]
    found = {name: shape for name, shape in found.items() if name in wanted or not any(p.search(name) for p in ignored)}
    if not files or found != wanted:
        return None
    for file in files:
        for name, tensor in _tensors(file, wanted.keys()):
            _put(network, name, tensor.to(dtype) if tensor.is_floating_point() else tensor)
    return network


def _built(cls: Any, folder: Path, config: Mapping[str, Any]) -> Any:
    """The network of a configuration, its weights not yet anything."""
    if hasattr(cls, "load_config"):  # diffusers
        return cls.from_config(dict(config))
    if hasattr(cls, "from_config"):  # one of transformers' Auto classes, which find the class by the configuration
        from transformers import AutoConfig

        return cls.from_config(AutoConfig.from_pretrained(folder, local_files_only=True))
    return cls(cls.config_class.from_pretrained(folder, local_files_only=True))


def _weights(folder: Path) -> list[Path]:
    """The files that hold the weights: those of an index, else the one of the usual name, else the only one."""
    if index := next(folder.glob("*.safetensors.index.json"), None):
        return sorted({folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    usual = [folder / name for name in NAMES if (folder / name).is_file()]
    every = sorted(folder.glob("*.safetensors"))
    return usual[:1] or (every if len(every) == 1 else [])


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and where their bytes begin."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        entries = json.loads(opened.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def _tensors(file: Path, names: Collection[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """Each wanted tensor of a file, in the order of its bytes."""
    entries, start = _header(file)
    with file.open("rb") as opened:
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"][0]):
            if name in names:
                begin, end = entry["data_offsets"]
                content = torch.empty(end - begin, dtype=torch.uint8)
                opened.seek(start + begin)
                if opened.readinto(content.numpy().data) != end - begin:
                    raise EOFError(f"{file} ends within {name}")
                yield name, content.view(DTYPES[entry["dtype"]]).reshape(entry["shape"])


def _put(network: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Put a tensor in the place of a parameter or buffer, which lets go of the memory it had."""
    owner, _, last = name.rpartition(".")
    module = network.get_submodule(owner)
    if last in module._parameters:
        module._parameters[last] = nn.Parameter(tensor, requires_grad=False)
    else:
        module._buffers[last] = tensor
