"""Whether two values are the same to the last bit, tensors and pixels included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from limner.generation import Image


def fingerprint(value: object) -> object:
    """Something equal exactly where the values are: dataclasses, mappings and sequences by their parts, tensors by bytes."""
    import torch

    if isinstance(value, torch.Tensor):
        return (
            str(value.dtype),
            tuple(value.shape),
            value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes(),
        )
    if isinstance(value, Image):
        return (fingerprint(value.tensor()), value.pillow().size, value.pillow().tobytes())
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), *(fingerprint(getattr(value, field.name)) for field in fields(value)))
    if isinstance(value, Mapping):
        return {key: fingerprint(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fingerprint(item) for item in value]
    return value
