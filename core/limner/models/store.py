"""The models of one process, by name: their directories, hashes and spaces, and their components, loaded once and shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from limner.errors import ModelError
from limner.model_source import ModelSource
from limner.models import components, hub
from limner.models.derived import DerivedTensors
from limner.models.files import FileHashes
from limner.yaml_problems import did_you_mean

if TYPE_CHECKING:
    import torch

    from limner.step import Models


class ModelStore:
    """Everything known about the models of a project. Thread-safe.

    `sources` are the models by name and `root` is the folder that their relative directories start from; what is derived from
    models is kept in the folder `kept`, if there is one. Only `bind(...).component` and `derived` import torch, and only
    `fetch` asks the hub for anything: a model of the hub is known by its pinned commit, which stands for its files, whether
    they are here or not.
    """

    def __init__(self, sources: Mapping[str, ModelSource], *, root: Path | None = None, kept: Path | None = None) -> None:
        self._sources, self._root = dict(sources), root or Path.cwd()
        self._directories: dict[str, Path] = {}
        self._hashes = FileHashes()
        self._loaded: dict[tuple[str, ...], Any] = {}  # torch modules, tokenizers and image processors
        self._loading = Lock()
        self._derived = DerivedTensors(kept)

    @property
    def names(self) -> tuple[str, ...]:
        """The models there are, sorted."""
        return tuple(sorted(self._sources))

    def directory(self, model: str) -> Path:
        """The model's directory on this machine. Raises ModelError if it is not there."""
        if model not in self._directories:
            source = self.source(model)
            self._directories[model] = hub.find(source) if source.on_hub else source.local_directory(self._root)
        return self._directories[model]

    def fetch(self, model: str) -> Path:
        """The model's directory, once all of it is here; downloads what is missing. Raises ModelError if it cannot be had."""
        source = self.source(model)
        return hub.fetch(source) if source.on_hub else source.local_directory(self._root)

    def files_digest(self, model: str) -> str:
        """Hex SHA-256 over the files that are here, of a model of the hub too. Raises ModelError if they cannot be read."""
        try:
            return self._hashes.of_directory(self.directory(model))
        except OSError as error:
            raise ModelError(f"its files cannot be read: {error}", where=self.source(model).where) from error

    def config(self, model: str, name: str) -> Mapping[str, Any]:  # JSON
        """The JSON configuration of a component, without its weights: a scheduler's, say."""
        return components.find(model, self.directory(model), name).config()

    def space(self, model: str) -> str:
        """The model's embedding space: the one declared, else its pinned commit, else the hash of its text encoder."""
        source = self.source(model)
        if source.space or source.on_hub:
            return source.space or source.pin
        try:
            encoder = components.find(model, self.directory(model), "text_encoder")
            return f"sha256:{self._hashes.of_text_encoder(encoder.folder)}"
        except (OSError, ValueError) as error:
            raise ModelError(f"its text encoder cannot be read: {error}", where=source.where) from error

    def digest(self, model: str) -> str:
        """What its files are known by: the pinned commit of a model of the hub, else hex SHA-256 over paths and contents."""
        source = self.source(model)
        return source.pin if source.on_hub else self.files_digest(model)

    def sha256(self, path: Path) -> str:
        """Hex SHA-256 of one file. Raises OSError if it cannot be read."""
        return self._hashes.sha256(path)

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

    def derived(
        self, model: str, name: str, device: torch.device, dtype: torch.dtype, make: Callable[[], torch.Tensor]
    ) -> torch.Tensor:
        """What `make` works out from the model on a device in a precision: made once, and kept from start to start."""
        return self._derived.get(f"{model}\n{self.digest(model)}\n{name}\n{device}\n{dtype}", device, make)

    def source(self, model: str) -> ModelSource:
        """Where the model comes from. Raises ModelError if there is none of this name."""
        if model not in self._sources:
            raise ModelError(f"there is no model {model!r}", where="models", fix=did_you_mean(model, self._sources))
        return self._sources[model]


def local_models(**directories: Path) -> ModelStore:
    """Models by name, from directories on this machine: `local_models(mine=Path("runs/mine/model"))`."""
    return ModelStore({name: ModelSource(name, str(folder.resolve())) for name, folder in directories.items()})


class _BoundModels:
    """A store seen from one device and precision; the `Models` that a step's `load` is given."""

    def __init__(self, store: ModelStore, device: torch.device, dtype: torch.dtype) -> None:
        self._store, self._device, self._dtype = store, device, dtype
        self.config, self.directory, self.space, self.digest = store.config, store.directory, store.space, store.digest

    def component(self, model: str, name: str) -> Any:  # see `load`
        """As `ModelStore.component`, here."""
        return self._store.component(model, name, self._device, self._dtype)

    def derived(self, model: str, name: str, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """As `ModelStore.derived`, here."""
        return self._store.derived(model, name, self._device, self._dtype, make)
