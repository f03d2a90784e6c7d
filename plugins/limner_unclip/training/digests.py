"""What files hash to: the foundation of a checkpoint, the contents of a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

HASHES = "SHA256SUMS"


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(folders: Iterable[Path]) -> str:
    """Hex SHA-256 over the names and contents of all files in some folders."""
    lines = (
        f"{sha256(path)}  {folder.name}/{path.relative_to(folder).as_posix()}\n"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_hashes(folder: Path) -> None:
    """Write SHA256SUMS over all files of the folder, in the form that `sha256sum -c` reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != HASHES)
    lines = (f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / HASHES).write_text("".join(lines), "utf-8")
