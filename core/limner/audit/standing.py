"""Where each request stands, kept in step with its events, in the same transaction.

An image has one outcome. Only `held` may become another, when a reviewer has spoken; so a process that was taken for dead and
comes back with an outcome after `abandoned` is refused, and nothing it made can be released.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, update

from limner.audit.event import Event
from limner.audit.events import IMAGE_OUTCOME, REQUEST_ACCEPTED, REQUEST_CLOSED
from limner.database.inserting import insert_row
from limner.database.tables import outcomes, requests
from limner.errors import AuditError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.sql.dml import ReturningInsert

_STILL_OPEN = (requests.c.id == bindparam("of_request")) & requests.c.closed.is_(None)
_CLOSE = update(requests).where(_STILL_OPEN).values(closed=bindparam("at_event"))


class Refused(AuditError):
    """The event contradicts what is recorded already; it is not recorded, and what it stands for must not happen."""


def follow(connection: Connection, event: Event, *, index: int, time: str, pseudonym: str) -> None:
    """Bring `requests` and `outcomes` up to an event that was just added. Raises Refused if the event cannot follow."""
    if event.kind == REQUEST_ACCEPTED:
        _accepted(connection, event, index, time, pseudonym)
    elif event.kind == IMAGE_OUTCOME:
        _ended(connection, event, index)
    elif event.kind == REQUEST_CLOSED:
        _closed(connection, event, index)


def _accepted(connection: Connection, event: Event, index: int, time: str, pseudonym: str) -> None:
    body = event.body
    row = {
        "id": event.request_id,
        "event": index,
        "time": time,
        "lease": body["lease"],
        "subject": pseudonym,
        "cohort": body["cohort"],
        "task": body["task"],
        "pipeline": body["pipeline"]["name"],
        "policy": body["policy"]["name"],
        "n": body["n"],
    }
    insert_row(connection, requests, row)


def _ended(connection: Connection, event: Event, index: int) -> None:
    body = event.body
    row = {
        "request_id": event.request_id,
        "image": body["index"],
        "outcome": body["outcome"],
        "event": index,
        "mark_id": body.get("mark_id"),
    }
    if connection.execute(_add_or_replace_held(connection.dialect.name), row).first() is None:
        what = f"image {row['image']} of request {event.request_id} has its outcome already; {row['outcome']!r} comes too late"
        raise Refused(what, fix="its request was closed by another process, or recorded twice: see `limner audit show`")


def _closed(connection: Connection, event: Event, index: int) -> None:
    if connection.execute(_CLOSE, {"of_request": event.request_id, "at_event": index}).rowcount != 1:
        raise Refused(f"request {event.request_id} is not open")


@cache
def _add_or_replace_held(dialect: str) -> ReturningInsert[Any]:
    """The statement that adds an outcome, or puts it in the place of `held`; it returns nothing where it did neither."""
    added = _insert(dialect)
    return added.on_conflict_do_update(
        index_elements=[outcomes.c.request_id, outcomes.c.image],
        set_={"outcome": added.excluded.outcome, "event": added.excluded.event},
        where=outcomes.c.outcome == "held",
    ).returning(outcomes.c.image)


def _insert(dialect: str) -> sqlite.Insert | postgresql.Insert:
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(outcomes)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(outcomes)
