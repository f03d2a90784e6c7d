"""Legal holds: what is under one is not erased, by whatever request or rule, until the hold is lifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from limner.audit.administering import HOLD_LIFTED, HOLD_PLACED, administered
from limner.audit.scope import Scope
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import legal_holds
from limner.database.timestamp import timestamp
from limner.errors import UsageError


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold in force. `target` is the subject's pseudonym, or the id of a request or an image."""

    id: str
    scope: str
    target: str
    time: str

    def to_json(self) -> dict[str, Any]:  # JSON
        """The hold as JSON values."""
        return asdict(self)


def place(writer: AuditWriter, scope: Scope, actor: str, reason: str) -> str:
    """Put what the scope names on hold; returns the hold's id."""
    id = uuid4().hex
    row = insert(legal_holds).values(id=id, scope=scope.kind, target=scope.target, time=timestamp(), state="placed")
    body = {"hold": id, "scope": scope.kind, "target": scope.target, "reason": reason}
    writer.append([administered(HOLD_PLACED, actor, body, request_id=scope.request_id)], [row]).result()
    return id


def lift(writer: AuditWriter, id: str, actor: str, reason: str) -> None:
    """Lift a hold. Raises UsageError if none of this id is in force."""

    def change(connection: Connection) -> None:
        in_force = (legal_holds.c.id == id) & (legal_holds.c.state == "placed")
        if connection.execute(update(legal_holds).where(in_force).values(state="lifted")).rowcount != 1:
            raise UsageError(f"no legal hold {id!r} is in force", fix="`limner audit hold list` shows those that are")

    writer.append([administered(HOLD_LIFTED, actor, {"hold": id, "reason": reason})], [change]).result()


def in_force(database: Database) -> tuple[LegalHold, ...]:
    """The holds in force, oldest first."""
    with database.reading() as connection:
        return tuple(held(connection))


def held(connection: Connection) -> Sequence[LegalHold]:
    """The holds in force, oldest first."""
    columns = (legal_holds.c.id, legal_holds.c.scope, legal_holds.c.target, legal_holds.c.time)
    query = select(*columns).where(legal_holds.c.state == "placed").order_by(legal_holds.c.time)
    return [LegalHold(*row) for row in connection.execute(query)]
