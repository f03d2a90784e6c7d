"""Legal holds: what is under one is not erased, by whatever request or rule, until the hold is lifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Insert, Update, insert, select, update

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
    hold = LegalHold(uuid4().hex, scope.kind, scope.target, timestamp())
    body = {"hold": hold.id, "scope": scope.kind, "target": scope.target, "reason": reason}
    writer.append([administered(HOLD_PLACED, actor, body, request_id=scope.request_id)], [placed(hold)]).result()
    return hold.id


def lift(writer: AuditWriter, id: str, actor: str, reason: str) -> None:
    """Lift a hold. Raises UsageError if none of this id is in force."""

    def change(connection: Connection) -> None:
        if connection.execute(lifted(id)).rowcount != 1:
            raise UsageError(f"no legal hold {id!r} is in force", fix="`limner audit hold list` shows those that are")

    writer.append([administered(HOLD_LIFTED, actor, {"hold": id, "reason": reason})], [change]).result()


def placed(hold: LegalHold) -> Insert:
    """The change that puts a hold in force; commit it with its event."""
    return insert(legal_holds).values(**hold.to_json(), state="placed")


def lifted(id: str) -> Update:
    """The change that lifts a hold that is in force; commit it with its event."""
    return update(legal_holds).where(legal_holds.c.id == id, legal_holds.c.state == "placed").values(state="lifted")


def in_force(database: Database) -> tuple[LegalHold, ...]:
    """The holds in force, oldest first."""
    with database.reading() as connection:
        return tuple(held(connection))


def held(connection: Connection) -> Sequence[LegalHold]:
    """The holds in force, oldest first."""
    columns = (legal_holds.c.id, legal_holds.c.scope, legal_holds.c.target, legal_holds.c.time)
    query = select(*columns).where(legal_holds.c.state == "placed").order_by(legal_holds.c.time)
    return [LegalHold(*row) for row in connection.execute(query)]
