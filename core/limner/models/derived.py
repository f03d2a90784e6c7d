"""Tensors that are worked out from models and kept: the directions of a gate's phrasings, which take seconds to encode.

A kept tensor lies in a file named by the hash of all that it depends on, library versions included, with a checksum of its
content inside. A file that is not whole, or not that content, is as none.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from limner.files import save_atomically

if TYPE_CHECKING:
    import torch

MOST_KEPT = 16  # files; each pipeline and model wants one or two
LIBRARIES = ("torch", "transformers")

logger = logging.getLogger(__name__)


class DerivedTensors:
    """Derived tensors of one process, by what they depend on. `folder` None keeps them in memory alone. Thread-safe."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._made: dict[str, torch.Tensor] = {}
        self._making = Lock()

    def get(self, said: str, device: torch.device, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The tensor that depends on all that is `said`, made once. Raises what `make` raises, and then keeps nothing."""
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
        key = hashlib.sha256(f"{said}\n{versions}".encode()).hexdigest()
        with self._making:
            if key not in self._made:
                kept = self._read(key)
                self._made[key] = self._keep(key, make()) if kept is None else kept.to(device)
            return self._made[key]

    def _path(self, key: str) -> Path | None:
        return self._folder / f"{key}.safetensors" if self._folder else None

    def _read(self, key: str) -> torch.Tensor | None:
        from safetensors import SafetensorError, safe_open

        path = self._path(key)
        if path is None or not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                tensor: torch.Tensor = file.get_tensor("derived")
                told = (file.metadata() or {}).get("sha256")
        except (SafetensorError, OSError) as error:
            logger.warning("%s cannot be read, and is made anew: %s", path, error)
            return None
        return tensor if told == _checksum(key, tensor) else None

    def _keep(self, key: str, tensor: torch.Tensor) -> torch.Tensor:
        from safetensors.torch import save

        path = self._path(key)
        if path is not None:
            plain = tensor.detach().cpu().contiguous()
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                save_atomically(path, save({"derived": plain}, metadata={"sha256": _checksum(key, plain)}))
                self._forget_the_oldest(path.parent)
            except OSError as error:  # a place to keep it is a convenience
                logger.warning("%s cannot be kept: %s", path, error)
        return tensor

    def _forget_the_oldest(self, folder: Path) -> None:
        kept = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-MOST_KEPT]:
            path.unlink(missing_ok=True)


def _checksum(key: str, tensor: torch.Tensor) -> str:
    head = f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode()
    return hashlib.sha256(head + tensor.numpy().tobytes()).hexdigest()
