"""What the files of a model hash to. Nothing here imports torch, so `pipelines validate` and `audit` stay quick."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from threading import Lock

LOADABLE = (".safetensors", ".json", ".txt")  # never pickles, in any clothes

_OF_THE_WRITER = ("architectures", "dtype", "torch_dtype", "transformers_version")  # say who wrote a config, not what it means


class FileHashes:
    """SHA-256 of files, remembered while path, modification time and size stay the same. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int], str] = {}
        self._lock = Lock()

    def sha256(self, path: Path) -> str:
        """Hex SHA-256 of a file's content. Raises OSError if it cannot be read."""
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if key not in self._known:
                with path.open("rb") as file:
                    self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()
            return self._known[key]

    def of_directory(self, folder: Path) -> str:
        """Hex SHA-256 over the lines `<sha256>  <relative path>` of all files that can be loaded, sorted by path.

        It is the hash of what `sha256sum` prints for these files. Read-mes, licences and hidden files do not count.
        """
        lines = {path.relative_to(folder).as_posix(): self.sha256(path) for path in _loadable(folder)}
        return hashlib.sha256("".join(f"{lines[name]}  {name}\n" for name in sorted(lines)).encode()).hexdigest()

    def of_text_encoder(self, folder: Path) -> str:
        """Hex SHA-256 of a text encoder's weights and configuration, whatever version wrote the latter."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        meaning = {key: config[key] for key in sorted(config) if key not in _OF_THE_WRITER and not key.startswith("_")}
        weights = [self.sha256(path) for path in sorted(folder.glob("*.safetensors"))]
        return hashlib.sha256(json.dumps([meaning, weights]).encode()).hexdigest()


def _loadable(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in LOADABLE and path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
