"""The entries of the deny list, as the database has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row, select

from limner.database.connection import Database
from limner.database.tables import denials
from limner.database.timestamp import timestamp

DenyKind = Literal["image", "term", "subject"]


@dataclass(frozen=True, slots=True)
class Denial:
    """One entry. `value` is an image's fingerprint in hex, a term, or the keyed lookup value of a subject's name.

    The name of a subject is not kept, so the list tells nobody who is on it; `expires` is empty where it never does.
    """

    id: str
    kind: DenyKind
    value: str
    reason: str
    created: str
    expires: str = ""

    def stands(self, now: str) -> bool:
        """Whether it still holds at a time, as the database writes it."""
        return not self.expires or now < self.expires


def listed(database: Database) -> tuple[Denial, ...]:
    """The entries that stand now, the oldest first."""
    with database.reading() as connection:
        found = read(connection)
    now = timestamp()
    return tuple(denial for denial in found if denial.stands(now))


def read(connection: Connection) -> tuple[Denial, ...]:
    """The entries that were not removed, expired ones too."""
    query = select(denials).where(denials.c.removed.is_(None)).order_by(denials.c.created, denials.c.id)
    return tuple(_denial(row) for row in connection.execute(query))


def _denial(row: Row[tuple[object, ...]]) -> Denial:
    return Denial(row.id, row.kind, row.value, row.reason, row.created, row.expires or "")
