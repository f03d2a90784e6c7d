"""Rings of keys for what steps do with keys: marks, signatures. A ring is a folder in the key folder, a file to a key.

Keys are numbered, the newest is used and all are kept: what was marked with an old key must still be read. A ring gets its
first key at its first use; `rotate` adds the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from limner.errors import ConfigurationError
from limner.files import create_once
from limner.keys import new_key, read_key

MARKS = "marks"  # the ring that watermarks are made and read with
_FILE = re.compile(r"(?P<id>[1-9][0-9]*)\.key")


class KeyFolder:
    """The rings in one key folder. Implements `limner.step.KeyRings`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ring(self, name: str, make: Callable[[], bytes] = new_key) -> Mapping[str, bytes]:
        """The keys of a ring by id, the newest last; `make` gives the first one at first use.

        Raises ConfigurationError where a key cannot be made or read, or everyone on the machine can read it.
        """
        ids = self._ids(name)
        if not ids:
            self._add(name, 1, make)
            ids = self._ids(name)
        return {str(id): read_key(self._folder / name / f"{id}.key") for id in ids}

    def rotate(self, name: str, make: Callable[[], bytes] = new_key) -> str:
        """Add the next key, which is used from now on; gives its id. Of several who do so at once, each adds one."""
        while True:
            id = max(self._ids(name), default=0) + 1
            if self._add(name, id, make):
                return str(id)

    def _ids(self, name: str) -> list[int]:
        files = (_FILE.fullmatch(path.name) for path in (self._folder / name).glob("*.key"))
        return sorted(int(file["id"]) for file in files if file)

    def _add(self, name: str, id: int, make: Callable[[], bytes]) -> bool:
        """Whether it was added: somebody else may have added one of this id."""
        path = self._folder / name / f"{id}.key"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return create_once(path, make(), mode=0o600)
        except OSError as error:
            raise ConfigurationError(f"the key cannot be made: {error.strerror}", where=str(path)) from error
