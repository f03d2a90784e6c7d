"""Changing the deny list: each change is an event of the record, by whoever made it and for the reason given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from limner.audit.event import Event, plain
from limner.audit.events import DENY_ADDED, DENY_REMOVED
from limner.audit.log import Change
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import denials
from limner.database.timestamp import timestamp
from limner.deny.denials import Denial, DenyKind, listed
from limner.errors import UsageError

LONGEST_TERM = 200  # characters
SHORTEST_ID = 4  # characters of an entry's id that may name it


def add(writer: AuditWriter, kind: DenyKind, value: str, *, actor: str, reason: str, expires: str = "") -> Denial:
    """Put something on the list. `value` and `expires` as in Denial. Raises UsageError for a value that is none of its kind.

    Other processes follow within seconds.
    """
    if not value.strip() or len(value) > LONGEST_TERM:
        raise UsageError(f"what is denied has 1 to {LONGEST_TERM} characters, not {len(value)}", where=kind)
    if kind == "image" and not re.fullmatch(r"[0-9a-f]{16}", value):
        raise UsageError("an image is denied by its fingerprint, 16 hexadecimal digits", where=kind)
    if not reason.strip():
        raise UsageError("a change of the deny list needs a reason", where="--reason")
    denial = Denial(uuid4().hex, kind, value, reason, timestamp(), expires)
    if not denial.stands(denial.created):
        raise UsageError("it would have expired already", where="--expires")
    writer.append([_event(DENY_ADDED, denial, actor, {"reason": reason, "expires": expires or None})], [added(denial)]).result()
    return denial


def remove(writer: AuditWriter, database: Database, id: str, *, actor: str, reason: str) -> Denial:
    """Take an entry off the list. `id` may be cut short. Raises UsageError where it names none, or several."""
    if not reason.strip():
        raise UsageError("a change of the deny list needs a reason", where="--reason")
    found = [denial for denial in listed(database) if len(id) >= SHORTEST_ID and denial.id.startswith(id)]
    if len(found) != 1:
        what = f"{len(found)} entries of the deny list are called {id!r}" if found else f"no entry {id!r} is on the deny list"
        raise UsageError(what, fix="limner deny list")
    [denial] = found
    writer.append([_event(DENY_REMOVED, denial, actor, {"reason": reason})], [removed(denial.id, timestamp())]).result()
    return denial


def added(denial: Denial) -> Change:
    """The change that puts an entry on the list; commit it with its event."""

    def change(connection: Connection) -> None:
        row = {name: getattr(denial, name) for name in ("id", "kind", "value", "reason", "created")}
        connection.execute(insert(denials).values(**row, expires=denial.expires or None, changed=_next_change(connection)))

    return change


def removed(id: str, time: str) -> Change:
    """The change that takes an entry off the list; commit it with its event."""

    def change(connection: Connection) -> None:
        entry = update(denials).where(denials.c.id == id)
        connection.execute(entry.values(removed=time, changed=_next_change(connection)))

    return change


def _next_change(connection: Connection) -> int:
    """The number of the list's next change. The connection holds the write lock."""
    return (connection.scalar(select(func.max(denials.c.changed))) or 0) + 1


def _event(kind: str, denial: Denial, actor: str, more: Mapping[str, Any]) -> Event:  # JSON
    """In the clear, for it is the operator's own list; of a subject it has the lookup value alone."""
    body = {"denial": denial.id, "kind": denial.kind, "value": denial.value, **more}
    return Event(kind, "", plain(body), subject=actor)
