"""The image store: every file that was made and kept, encrypted under a data key of its own.

A file is written before its outcome is recorded, and its row, with the data key wrapped by the subject's, is committed with the
outcome. A file without a row can be read by nobody: it is what a crash left, and `sweep` removes it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, select
from sqlalchemy.engine import RowMapping

from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.inserting import insert_row
from limner.database.subjects import ensure_subject, find_subject
from limner.database.tables import images, requests
from limner.errors import AuditError, UsageError
from limner.files import save_atomically, sync_folder
from limner.images.encoding import format_of
from limner.keys import Keys, decrypt, encrypt, new_key

NAME = re.compile(r"\.?(?P<request>[\w-]+)\.(?P<image>[0-9a-f]{32})(?P<unfinished>\.[0-9a-f]+\.part)?")
State = Literal["released", "held", "quarantined"]
Loss = Literal["gone", "damaged"]
NOT_SERVED = {"quarantined": "in quarantine"}  # in words, where the state's own name is none
DAMAGED = (errno.EIO, errno.EISDIR)  # of a file that is there
ROWS_AT_ONCE = 500  # bound values in one query


class Erased(AuditError):
    """The key of an image is destroyed: on purpose, as the record tells."""

    def __init__(self, id: str) -> None:
        super().__init__("the image was erased", where=f"image {id}")


class FileLost(AuditError):
    """The stored file of a kept image is gone, or is not what was written; `loss` says which."""

    def __init__(self, id: str, loss: Loss) -> None:
        self.loss = loss
        super().__init__(f"the file of this image is {loss}", where=f"image {id}", fix="restore it from a backup")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A file in the store whose row is not yet committed: commit `changes` with the outcome. `sha256` is of the file given."""

    id: str
    sha256: str
    path: Path
    changes: tuple[AddImage, ...]


@dataclass(frozen=True, slots=True)
class AddImage:
    """The change that adds an image's row, and with it the only copy of its data key."""

    keys: Keys
    subject: str
    data_key: bytes
    row: dict[str, str | int]  # the plain columns of `images`

    def __call__(self, connection: Connection) -> None:
        """Add the row. The connection must hold the write lock."""
        subject = ensure_subject(connection, self.keys, self.subject)
        wrapped = subject.wrap(self.data_key, "image key", str(self.row["id"]))
        insert_row(connection, images, {**self.row, "subject": subject.pseudonym, "wrapped_key": wrapped})


class ImageStore:
    """Encrypted image files under `root`, their rows and keys in the database."""

    def __init__(self, root: Path, keys: Keys) -> None:
        self._root, self._keys = root, keys
        self._making, self._folders_synced = Lock(), False

    def write(
        self, data: bytes, subject: str, *, request_id: str, index: int, pixels_sha256: str, state: State = "released"
    ) -> StoredImage:
        """Keep a file for `subject`, who asked for it; on return it is on the disk. `pixels_sha256` is before marking.

        Raises AuditError if the disk does not take it.
        """
        id, data_key = uuid4().hex, new_key()
        path = self._path(request_id, id)
        try:
            self._make_folders(path.parent)
            save_atomically(path, encrypt(data_key, data, "image", id))
        except OSError as error:
            what = f"the image cannot be kept: {error.strerror}"
            raise AuditError(what, where=str(path), fix="see that the disk has room") from error
        sha256 = sha256_hex(data)
        row: dict[str, str | int] = {
            "id": id,
            "request_id": request_id,
            "image": index,
            "sha256": sha256,
            "pixels_sha256": pixels_sha256,
            "format": format_of(data) or "",
            "bytes": len(data),
            "state": state,
        }
        return StoredImage(id, sha256, path, (AddImage(self._keys, subject, data_key, row),))

    def discard(self, stored: StoredImage) -> None:
        """Remove a file whose row will not be committed."""
        stored.path.unlink(missing_ok=True)

    def forget(self, gone: Sequence[tuple[str, str]]) -> None:
        """Delete the files of images whose keys are destroyed, each given by the ids of its request and its own."""
        for request_id, id in gone:
            self._path(request_id, id).unlink(missing_ok=True)

    def read(self, database: Database, id: str, *, as_reviewer: bool = False) -> bytes:
        """The file as it was given.

        Raises UsageError if there is none of this id, or if it is not released and no reviewer asks; Erased, FileLost if its
        file is gone or damaged, and AuditError if it cannot be looked at, which tells nothing of it.
        """
        with database.reading() as connection:
            row = connection.execute(select(images).where(images.c.id == id)).mappings().first()
            if row is None:
                raise UsageError(f"no image {id!r} is kept")
            data_key = self._data_key(connection, row)
            if row["state"] != "released" and not as_reviewer:
                standing = NOT_SERVED.get(row["state"], row["state"])
                raise UsageError(f"this image is {standing}, and is not given out", where=f"image {id}")
        try:
            data = decrypt(data_key, self._path(row["request_id"], id).read_bytes(), "image", id)
        except OSError as error:
            raise lost_or_unreadable(id, error) from error
        except AuditError as error:
            raise FileLost(id, "damaged") from error
        if sha256_hex(data) != row["sha256"]:
            raise FileLost(id, "damaged")
        return data

    def sweep(self, database: Database) -> tuple[Path, ...]:
        """Remove what crashes left of requests that are over: files half-written, without a row, or erased. Returns them."""
        found = list(self._files())  # before the database is asked: a file that comes later is none of ours
        with database.reading() as connection:
            running = set(connection.scalars(select(requests.c.id).where(requests.c.closed.is_(None))))
            kept = _known(connection, [name["image"] for _, name in found if not name["unfinished"]])
        left = [
            path for path, name in found if name["request"] not in running and (name["unfinished"] or name["image"] not in kept)
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return tuple(left)

    def _data_key(self, connection: Connection, row: RowMapping) -> bytes:
        try:
            subject = find_subject(connection, self._keys, row["subject"]) if row["wrapped_key"] else None
            if subject is not None:
                return subject.unwrap(row["wrapped_key"], "image key", row["id"])
        except AuditError as error:
            raise FileLost(row["id"], "damaged") from error
        raise Erased(row["id"])

    def _path(self, request_id: str, id: str) -> Path:
        return path_of(self._root, request_id, id)

    def _make_folders(self, folder: Path) -> None:
        """All folders at once, so that the images after this one wait for none to be on the disk.

        Each process syncs them once: one that another made may be there and not yet on the disk.
        """
        with self._making:
            if self._folders_synced and folder.is_dir():
                return
            for number in range(256):
                (self._root / f"{number:02x}").mkdir(parents=True, exist_ok=True)
            sync_folder(self._root)
            sync_folder(self._root.parent)
            self._folders_synced = True

    def _files(self) -> Iterator[tuple[Path, re.Match[str]]]:
        for path in self._root.glob("??/*"):
            if name := NAME.fullmatch(path.name):
                yield path, name


def lost_or_unreadable(id: str, error: OSError) -> AuditError:
    """What it says of an image that its file was not read: that it is lost, or only that somebody may not look, or not now."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileLost(id, "gone")
    if error.errno in DAMAGED:
        return FileLost(id, "damaged")
    fix = "see who may read the image store, and how many files may be open"
    return AuditError(f"the file of this image cannot be read: {error.strerror}", where=f"image {id}", fix=fix)


def path_of(root: Path, request_id: str, id: str) -> Path:
    """Where in a store the file of an image lies. Raises ValueError for what is no id."""
    name = f"{request_id}.{id}"
    if not NAME.fullmatch(name):
        raise ValueError(f"a request's id is letters, digits, - and _, not {request_id!r}")
    return root / id[:2] / name


def _known(connection: Connection, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = images.c.id.in_(ids[start : start + ROWS_AT_ONCE])
        found.update(connection.scalars(select(images.c.id).where(some, images.c.wrapped_key.is_not(None))))
    return found
