"""A SQLite database with this version's tables, copied to where a test wants one: migrating it is half of a start."""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from limner.database.migration import open_database


def sqlite_at(path: Path) -> str:
    """The URL of the SQLite database at `path`, which is there now, with its tables and nothing in them if it was not."""
    if not path.exists():
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "limner.db"
        with closing(open_database(f"sqlite:///{path}")):
            pass  # the last connection to close leaves one whole file
        return path.read_bytes()
