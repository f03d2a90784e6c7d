"""Reading the record: the list of requests, and one request with its events and what can still be opened of its payloads.

What is shown comes from the events' canonical bytes; the tables beside them only lead there. Nothing here needs the plugin,
pipeline or policy that a request ran under.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select

from limner.audit.events import INPUT, TEXT_PAYLOADS
from limner.audit.payloads import SealedPayload, unseal
from limner.audit.recorded import as_recorded
from limner.audit.whereabouts import Whereabouts, whereabouts
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.subjects import find_subject, subject_name
from limner.database.tables import events, outcomes, payloads
from limner.database.tables import requests as requests_table
from limner.errors import AuditError, UsageError
from limner.keys import Keys

SHORTEST_ID = 8  # of an id that is not given whole: what the name of an image's file holds of it
MARK = re.compile("[0-9a-f]{12}")  # a mark id as people read it


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One line of the list. `index` is that of the event that accepted it; `images` tells where each of them stands now."""

    index: int
    id: str
    time: str
    subject: str
    cohort: str
    task: str
    pipeline: str
    policy: str
    closed: bool
    images: tuple[Whereabouts, ...]

    @property
    def outcomes(self) -> tuple[str | None, ...]:
        """The outcomes on the record, by image; None while under way."""
        return tuple(image.outcome for image in self.images)

    def to_json(self) -> dict[str, Any]:  # JSON
        """The summary as JSON values."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "images"}
        return {**plain, "outcomes": list(self.outcomes), "states": [image.state for image in self.images]}


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload as it can be had now.

    `state` is `open` (`value` is the text or JSON that was recorded, or the bytes of an input file), `erased` (its key is
    destroyed), `altered` (what is stored is not what the event committed to), or `withheld` (from an evidence pack).
    """

    state: Literal["open", "erased", "altered", "withheld"]
    value: Any = None  # JSON, or bytes

    @property
    def shown(self) -> Any:  # JSON
        """The value as JSON: of a file, its size and hash."""
        return {"bytes": len(self.value), "sha256": sha256_hex(self.value)} if isinstance(self.value, bytes) else self.value


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event. `body` is as recorded, without the commitments; `payloads` has one entry for each of them."""

    index: int
    id: str
    kind: str
    version: int
    time: str
    body: Mapping[str, Any]  # JSON
    payloads: Mapping[str, Payload]

    def to_json(self) -> dict[str, Any]:  # JSON
        """The event as JSON values."""
        opened = {name: {"state": payload.state, "value": payload.shown} for name, payload in self.payloads.items()}
        return {**{name: getattr(self, name) for name in self.__slots__}, "payloads": opened}


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """All events of one request, in order, and where its images stand now.

    `caller` is None once erased; then `subject`, the pseudonym, leads to nobody.
    """

    id: str
    subject: str
    caller: str | None
    events: tuple[EventRecord, ...]
    images: tuple[Whereabouts, ...]

    def to_json(self) -> dict[str, Any]:  # JSON
        """The record as JSON values."""
        listed, standing = [event.to_json() for event in self.events], [image.to_json() for image in self.images]
        return {"id": self.id, "subject": self.subject, "caller": self.caller, "images": standing, "events": listed}


def requests(
    database: Database, *, limit: int = 50, before: int | None = None, where: ColumnElement[bool] | None = None
) -> tuple[RequestSummary, ...]:
    """The newest requests first, at most `limit`; the next page is `before` the `index` of the last one.

    `where` is a condition on the table of requests; see also `limner.audit.searching`.
    """
    query = select(requests_table).order_by(requests_table.c.event.desc()).limit(limit)
    if where is not None:
        query = query.where(where)
    if before is not None:
        query = query.where(requests_table.c.event < before)
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        standing = whereabouts(connection, {row["id"]: row["n"] for row in rows})
    return tuple(
        RequestSummary(
            index=row["event"],
            closed=row["closed"] is not None,
            images=standing[row["id"]],
            **{name: row[name] for name in ("id", "time", "subject", "cohort", "task", "pipeline", "policy")},
        )
        for row in rows
    )


def request(database: Database, keys: Keys, id: str) -> RequestRecord:
    """Everything recorded of one request, named by its id, by how that begins, as in an image's file name, or by a mark.

    Raises UsageError if there is none of this id, or if several begin so, and AuditError if an event cannot be read any more.
    """
    with database.reading() as connection:
        id, subject = named(connection, _marked(connection, id) or id)
        rows = connection.execute(
            select(events.c.index, events.c.canonical).where(events.c.request_id == id).order_by(events.c.index)
        )
        found, size = find_subject(connection, keys, subject), select(requests_table.c.n).where(requests_table.c.id == id)
        return RequestRecord(
            id=id,
            subject=subject,
            caller=subject_name(connection, found) if found else None,
            events=tuple(_event(connection, keys, index, data) for index, data in rows),
            images=whereabouts(connection, {id: connection.execute(size).scalar_one()})[id],
        )


def whole_id(database: Database, id: str) -> str:
    """The id of the request that is named as for `request`. Raises UsageError as that does."""
    with database.reading() as connection:
        return named(connection, _marked(connection, id) or id)[0]


def named(connection: Connection, id: str) -> tuple[str, str]:
    """The whole id of the request that is named by it or by how it begins, and its subject. Raises UsageError as `request`."""
    if (found := find_named(connection, id)) is None:
        raise UsageError(f"no request {id!r} is on the record", fix="`limner audit list` shows the newest ones")
    return found


def find_named(connection: Connection, id: str) -> tuple[str, str] | None:
    """As `named`, or None if no request is: for a word that may name something else. Raises UsageError if several begin so."""
    columns = select(requests_table.c.id, requests_table.c.subject)
    found = connection.execute(columns.where(requests_table.c.id == id)).all()
    if not found and len(id) >= SHORTEST_ID:
        found = connection.execute(columns.where(requests_table.c.id.startswith(id, autoescape=True)).limit(2)).all()
    if len(found) > 1:
        raise UsageError(f"several requests begin with {id!r}", fix="give more of the id; `limner audit list` shows them whole")
    return (found[0].id, found[0].subject) if found else None


def _marked(connection: Connection, word: str) -> str | None:
    """The request of the image that carries this mark, if the word is one and only one request has it."""
    if not MARK.fullmatch(word):
        return None
    found = connection.scalars(select(outcomes.c.request_id).where(outcomes.c.mark_id == int(word, 16)).distinct()).all()
    return found[0] if len(found) == 1 else None


def _event(connection: Connection, keys: Keys, index: int, data: bytes) -> EventRecord:
    with as_recorded(index):
        recorded = json.loads(data)
        body = dict(recorded["body"])
        commitments = body.pop("commitments", {})
        return EventRecord(
            index=index,
            id=recorded["id"],
            kind=recorded["kind"],
            version=recorded["version"],
            time=recorded["time"],
            body=body,
            payloads={
                name: _payload(connection, keys, index, recorded["id"], name, commitment)
                for name, commitment in commitments.items()
            },
        )


def _payload(connection: Connection, keys: Keys, index: int, event_id: str, name: str, commitment: str) -> Payload:
    at = (payloads.c.event == index) & (payloads.c.name == name)
    row = connection.execute(select(payloads).where(at)).mappings().first()
    if row is None or row["wrapped_key"] is None:
        return Payload("erased")
    subject = find_subject(connection, keys, row["subject"])
    if subject is None:
        return Payload("erased")
    try:
        data = unseal(subject, event_id, SealedPayload(name, row["wrapped_key"], row["sealed"], commitment))
    except AuditError:
        return Payload("altered")
    return Payload("open", _value(name, data))


def _value(name: str, data: bytes) -> Any:  # JSON, or bytes
    if name in TEXT_PAYLOADS:
        return data.decode("utf-8", "surrogatepass")
    return data if name.startswith(INPUT) else json.loads(data)
