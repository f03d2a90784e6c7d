"""The models of one process, by name: their directories, hashes and spaces, and their components, loaded once and shared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from limner.errors import ModelError
from limner.model_source import ModelSource
from limner.models import components, hub
from limner.models.files import FileHashes
from limner.yaml_problems import did_you_mean

if TYPE_CHECKING:
    import torch

    from limner.step import Models


class ModelStore:
    """Everything known about the models of a project. Thread-safe.

    `sources` are the models by name and `root` is the folder that their relative directories start from. `offline` keeps the
    store from asking the hub; None leaves that to HF_HUB_OFFLINE. Only `bind(...).component` imports torch.
    """

    def __init__(self, sources: Mapping[str, ModelSource], *, root: Path | None = None, offline: bool | None = None) -> None:
        self._sources, self._root, self._offline = dict(sources), root or Path.cwd(), bool(offline)
        self._directories: dict[str, Path] = {}
        self._hashes = FileHashes()
        self._loaded: dict[tuple[str, ...], Any] = {}  # torch modules, tokenizers and image processors
        self._loading = Lock()

    def directory(self, model: str) -> Path:
        """The model's directory on this machine, fetched if need be. Raises ModelError if it cannot be had."""
        if model not in self._directories:
            source = self._source(model)
            self._directories[model] = (
                hub.fetch(source, offline=self._offline) if source.on_hub else source.local_directory(self._root)
            )
        return self._directories[model]

    def config(self, model: str, name: str) -> Mapping[str, Any]:  # JSON
        """The JSON configuration of a component, without its weights: a scheduler's, say."""
        return components.find(model, self.directory(model), name).config()

    def space(self, model: str) -> str:
        """The model's embedding space: the one declared, else `sha256:` and the hash of its text encoder."""
        source = self._source(model)
        if source.space:
            return source.space
        try:
            encoder = components.find(model, self.directory(model), "text_encoder")
            return f"sha256:{self._hashes.of_text_encoder(encoder.folder)}"
        except (OSError, ValueError) as error:
            raise ModelError(f"its text encoder cannot be read: {error}", where=source.where) from error

    def digest(self, model: str) -> str:
        """Hex SHA-256 over the model's files: their paths and contents."""
        try:
            return self._hashes.of_directory(self.directory(model))
        except OSError as error:
            raise ModelError(f"its files cannot be read: {error}", where=self._source(model).where) from error

    def bind(self, device: torch.device, dtype: torch.dtype) -> Models:
        """The models as a step on this device, in this precision, loads them."""
        return _BoundModels(self, device, dtype)

    def component(self, model: str, name: str, device: torch.device, dtype: torch.dtype) -> Any:  # see `load`
        """One component, loaded at its first use for this device and precision, then shared.

        One component loads at a time: while they load, diffusers and transformers patch torch's initialisers for the whole
        process.
        """
        key = (model, name, str(device), str(dtype))
        if key not in self._loaded:
            found = components.find(model, self.directory(model), name)
            with self._loading:
                if key not in self._loaded:
                    self._loaded[key] = components.load(found, device, dtype)
        return self._loaded[key]

    def _source(self, model: str) -> ModelSource:
        if model not in self._sources:
            raise ModelError(f"there is no model {model!r}", where="models", fix=did_you_mean(model, self._sources))
        return self._sources[model]


def local_models(**directories: Path) -> ModelStore:
    """Models by name, from directories on this machine: `local_models(mine=Path("runs/mine/model"))`."""
    return ModelStore({name: ModelSource(name, str(folder.resolve())) for name, folder in directories.items()}, offline=True)


class _BoundModels:
    """A store seen from one device and precision; the `Models` that a step's `load` is given."""

    def __init__(self, store: ModelStore, device: torch.device, dtype: torch.dtype) -> None:
        self._store, self._device, self._dtype = store, device, dtype
        self.config, self.directory, self.space, self.digest = store.config, store.directory, store.space, store.digest

    def component(self, model: str, name: str) -> Any:  # see `load`
        """As `ModelStore.component`, here."""
        return self._store.component(model, name, self._device, self._dtype)
