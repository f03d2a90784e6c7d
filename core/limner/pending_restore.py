"""A restore under way, as a file in the state folder tells it: while that is there, nothing else opens the project.

The file is written before anything is moved and goes when all is done again. It holds what the replaced record told, so that
nothing of that is lost where the restore is interrupted, whatever was moved by then: `limner state restore` goes on from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limner.errors import AuditError
from limner.files import save_atomically, sync_folder
from limner.restoring import Later, Told


@dataclass(frozen=True, slots=True)
class PendingRestore:
    """What is to be done again.

    `backup` is the folder that is put back, `replaced` the one that what stood there is moved to, `replaced_head` the newest
    head of that, `into` the database's address without its password. `asked` is false where the record that is replaced is
    lost.
    """

    backup: str
    replaced: str
    replaced_head: str
    asked: bool
    later: Later
    into: str = ""

    def save(self, path: Path) -> None:
        """Write it; on return it is on the disk. Raises OSError."""
        values = asdict(self)
        values["later"]["subjects"] = [_row_to_json(row) for row in self.later.subjects]
        save_atomically(path, json.dumps(values).encode() + b"\n", mode=0o600)

    @classmethod
    def read(cls, path: Path) -> PendingRestore | None:
        """The restore that was interrupted, None if there is none. Raises AuditError if the file cannot be read."""
        try:
            values = json.loads(path.read_bytes())
            told = tuple(Told(**one) for one in values["later"]["events"])
            rows = tuple(_row_from_json(row) for row in values["later"]["subjects"])
            return cls(**{**values, "later": Later(told, rows)})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            fix = "move the file away, and name the database that was moved aside with --replaces"
            raise AuditError("what an interrupted restore has yet to do cannot be read", where=str(path), fix=fix) from error


def finish(path: Path) -> None:
    """All is done again: the project can be opened. On return that is on the disk."""
    path.unlink()
    sync_folder(path.parent)


def _row_to_json(row: Mapping[str, Any]) -> dict[str, Any]:  # columns of `subjects`
    return {name: {"hex": value.hex()} if isinstance(value, bytes) else value for name, value in row.items()}


def _row_from_json(row: Mapping[str, Any]) -> dict[str, Any]:  # columns of `subjects`
    return {name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for name, value in row.items()}
