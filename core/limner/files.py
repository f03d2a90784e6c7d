"""Files and folders that are there whole or not at all, and stay there when the power goes; and files that are locks."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def save_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file, replacing what was there; any crash leaves the old or the new one. On return it is on the disk.

    It is written as `.<name>.<random>.part` in the same folder, synced, renamed, and the folder synced. Raises OSError.
    """
    with _draft(path, data, mode=mode) as draft:
        draft.replace(path)
    sync_folder(path.parent)


def create_once(path: Path, data: bytes, *, mode: int = 0o666) -> bool:
    """Write a file unless it is there; of several processes that try, one wins, and is told so. Raises OSError.

    What the winner has written is on the disk on its return.
    """
    with _draft(path, data, mode=mode) as draft:
        try:
            os.link(draft, path)  # unlike a rename, never replaces what another process made meanwhile
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to be filled under another name; at the end it gets its own, with all in it on the disk. Raises OSError.

    Whoever else fills one of that name meanwhile has another, and whoever ends first wins. A process that dies leaves what it
    filled as `.<name>.<random>.part`.
    """
    draft = _draft_name(folder)
    try:
        draft.mkdir(parents=True)
        yield draft
        _sync_all(draft)
        draft.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that this file is, once no other process or thread does. The file is made if it is not there, and stays.

    It cannot be a file that is replaced meanwhile. The system lets go of it when the process dies. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of files to the disk: until then a crash may undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_all(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))


def _draft_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


@contextmanager
def _draft(path: Path, data: bytes, *, mode: int) -> Iterator[Path]:
    """The data on the disk under a name of its own, gone at the end unless it was renamed."""
    draft = _draft_name(path)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
