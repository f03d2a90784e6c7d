"""Where each request stands, kept in step with its events, in the same transaction.

An image has one outcome. Only `held` may become another, when a reviewer has spoken; so a process that was taken for dead and
comes back with an outcome after `abandoned` is refused, and nothing it made can be released.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from limner.audit.event import Event
from limner.audit.events import IMAGE_OUTCOME, REQUEST_ACCEPTED, REQUEST_CLOSED
from limner.database.tables import outcomes, requests
from limner.errors import AuditError


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
    connection.execute(
        insert(requests).values(
            id=event.request_id,
            event=index,
            time=time,
            lease=body["lease"],
            subject=pseudonym,
            cohort=body["cohort"],
            task=body["task"],
            pipeline=body["pipeline"]["name"],
            policy=body["policy"]["name"],
            n=body["n"],
        )
    )


def _ended(connection: Connection, event: Event, index: int) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    body = event.body
    row = {
        "request_id": event.request_id,
        "image": body["index"],
        "outcome": body["outcome"],
        "event": index,
        "mark_id": body.get("mark_id"),
    }
    statement = dialect.insert(outcomes).values(row)
    statement = statement.on_conflict_do_update(
        index_elements=[outcomes.c.request_id, outcomes.c.image],
        set_={"outcome": statement.excluded.outcome, "event": statement.excluded.event},
        where=outcomes.c.outcome == "held",
    )
    if connection.execute(statement.returning(outcomes.c.image)).first() is None:
        what = f"image {row['image']} of request {event.request_id} has its outcome already; {row['outcome']!r} comes too late"
        raise Refused(what, fix="its request was closed by another process, or recorded twice: see `limner audit show`")


def _closed(connection: Connection, event: Event, index: int) -> None:
    still_open = (requests.c.id == event.request_id) & requests.c.closed.is_(None)
    if connection.execute(update(requests).where(still_open).values(closed=index)).rowcount != 1:
        raise Refused(f"request {event.request_id} is not open")
