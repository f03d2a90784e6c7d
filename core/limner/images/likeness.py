"""Finding an image by its likeness: the fingerprints of the images that are kept, in a plain table.

The table holds live images only; erasing one removes its row, and its fingerprint on the record is a payload that is erased
with it. A search compares with every row: a second for some millions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from limner.database.connection import Database
from limner.database.inserting import insert_row
from limner.database.tables import fingerprints, images
from limner.images.fingerprint import BITS, distance

ALIKE = 10  # bits in which copies of one image may differ
SIGN = 1 << (BITS - 1)


@dataclass(frozen=True, slots=True)
class Likeness:
    """A kept image that looks like the one asked about: where it stands on the record, and in how many bits it differs."""

    image_id: str
    request_id: str
    index: int
    distance: int


@dataclass(frozen=True, slots=True)
class AddFingerprint:
    """The change that makes a kept image findable; it commits after the image's own row."""

    image_id: str
    fingerprint: int

    def __call__(self, connection: Connection) -> None:
        """Add the row. The connection must hold the write lock."""
        insert_row(connection, fingerprints, {"image_id": self.image_id, "fingerprint": _signed(self.fingerprint)})


@dataclass(frozen=True, slots=True)
class RemoveFingerprints:
    """The change that makes images unfindable by their looks, as their erasure asks."""

    image_ids: Sequence[str]

    def __call__(self, connection: Connection) -> None:
        """Remove the rows. The connection must hold the write lock."""
        connection.execute(delete(fingerprints).where(fingerprints.c.image_id.in_(self.image_ids)))


def alike(database: Database, fingerprint: int, *, within: int = ALIKE, limit: int = 5) -> tuple[Likeness, ...]:
    """The kept images whose fingerprints differ in at most `within` bits, the nearest first, at most `limit`."""
    query = select(fingerprints.c.image_id, images.c.request_id, images.c.image, fingerprints.c.fingerprint)
    with database.reading() as connection:
        rows = connection.execute(query.join(images, images.c.id == fingerprints.c.image_id))
        near = [
            Likeness(row.image_id, row.request_id, row.image, bits)
            for row in rows
            if (bits := distance(fingerprint, unsigned(row.fingerprint))) <= within
        ]
    return tuple(sorted(near, key=lambda found: (found.distance, found.image_id))[:limit])


def _signed(fingerprint: int) -> int:
    """As the database's 64-bit integer has it."""
    return fingerprint - 2 * SIGN if fingerprint >= SIGN else fingerprint


def unsigned(stored: int) -> int:
    """The fingerprint that a row of the table holds."""
    return stored % (2 * SIGN)
