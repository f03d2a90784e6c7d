"""Whether the file of every kept image is there: by its size alone, which is cheap, or read, decrypted and hashed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from limner.database.connection import Database
from limner.database.tables import images, outcomes, subjects
from limner.errors import AuditError
from limner.images.store import Erased, FileLost, ImageStore, Loss, lost_or_unreadable, path_of
from limner.keys import SEALING_BYTES

PAGE = 1_000  # rows fetched at once


@dataclass(frozen=True, slots=True)
class LostImage:
    """A kept image whose stored file is gone or damaged. `event` is the index of the event of its outcome."""

    id: str
    request_id: str
    index: int
    event: int
    loss: Loss


@dataclass(frozen=True, slots=True)
class Presence:
    """How many images are kept, and which of them are lost."""

    kept: int
    lost: tuple[LostImage, ...]


def check_files(database: Database, root: Path, store: ImageStore | None = None) -> Presence:
    """Look for the file of each image that is kept, under `root`: there, and of its size.

    With `store` each is read, decrypted and hashed too; without, no key is needed, and what was altered within a file of the
    right size is not seen. Raises AuditError where a file cannot be looked at: that tells nothing of it.
    """
    kept, suspects = 0, list[LostImage]()
    for row in _kept(database):
        kept += 1
        loss = _by_size(root, row) or (_by_reading(database, store, row) if store else None)
        if loss:
            suspects.append(LostImage(row.id, row.request_id, row.image, row.event, loss))
    lost = _not_erased_since(database, suspects)
    return Presence(kept, tuple(sorted(lost, key=lambda image: image.event)))


def _kept(database: Database) -> Iterator[Any]:  # rows of the query
    """The images that are not erased, nor whose they are, page by page in the order of their ids: that of the primary key."""
    same = (outcomes.c.request_id == images.c.request_id) & (outcomes.c.image == images.c.image)
    of_subject = subjects.c.pseudonym == images.c.subject
    query = select(images, outcomes.c.event).join(outcomes, same).join(subjects, of_subject)
    query = query.where(images.c.wrapped_key.is_not(None), subjects.c.wrapped_key.is_not(None))
    last = ""
    while True:
        with database.reading() as connection:
            rows = list(connection.execute(query.where(images.c.id > last).order_by(images.c.id).limit(PAGE)))
        if not rows:
            return
        yield from rows
        last = rows[-1].id


def _by_size(root: Path, row: Any) -> Loss | None:  # as `_kept` gives it
    try:
        size = path_of(root, row.request_id, row.id).stat().st_size
    except ValueError:  # no id that was ever given
        return "gone"
    except OSError as error:
        return _loss(lost_or_unreadable(row.id, error))
    return None if size == row.bytes + SEALING_BYTES else "damaged"


def _by_reading(database: Database, store: ImageStore, row: Any) -> Loss | None:  # as `_kept` gives it
    try:
        store.read(database, row.id, as_reviewer=True)  # looked at, not given out
    except Erased:
        return None  # since
    except FileLost as lost:
        return lost.loss
    return None


def _loss(error: AuditError) -> Loss:
    """What a file is that is lost. Raises the error where it says nothing of that."""
    if isinstance(error, FileLost):
        return error.loss
    raise error


def _not_erased_since(database: Database, suspects: list[LostImage]) -> list[LostImage]:
    """Without those that somebody erased while their files were looked for."""
    still = set[str]()
    for start in range(0, len(suspects), PAGE):
        ids = [suspect.id for suspect in suspects[start : start + PAGE]]
        with database.reading() as connection:
            query = select(images.c.id).where(images.c.id.in_(ids), images.c.wrapped_key.is_not(None))
            still.update(connection.scalars(query))
    return [suspect for suspect in suspects if suspect.id in still]
