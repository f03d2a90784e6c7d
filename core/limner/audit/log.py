"""Adding to the log: many appends in one transaction, each whole or not at all, with consecutive indexes.

The caller holds the write lock (`Database.writing`) and commits. An append whose events are recorded already, because an
earlier commit went through though its answer was lost, is not written again: its indexes are looked up by the events' ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Executable, func, insert, select
from sqlalchemy.exc import DBAPIError

from limner.audit.event import Event, canonical_event
from limner.audit.payloads import SealedPayload, seal
from limner.audit.standing import follow
from limner.canonical import leaf_hash
from limner.database.connection import is_outage
from limner.database.subjects import Subject, ensure_subject
from limner.database.tables import events, payloads
from limner.database.timestamp import timestamp
from limner.errors import AuditError, LimnerError
from limner.keys import Keys

Change = Executable | Callable[[Connection], None]
Indexes = tuple[int, ...]

_LAST = select(func.max(events.c.index))


@dataclass(frozen=True, slots=True)
class Append:
    """Events that are recorded together or not at all, and the changes to other tables that go with them."""

    events: tuple[Event, ...]
    changes: tuple[Change, ...] = ()


def append_group(connection: Connection, keys: Keys, appends: Sequence[Append]) -> list[Indexes | LimnerError]:
    """Write appends in order: for each the indexes of its events, or why it alone was not written.

    All are tried as one first, which takes half the time of a savepoint for each; where that fails, each is tried by itself.
    Raises DBAPIError where the database could not do its work; the transaction must then be rolled back, as nothing in it
    holds.
    """
    group = _Group(connection, keys)
    indexes = group.write(_merged(appends))
    if isinstance(indexes, LimnerError):
        return [group.write(append) for append in appends]
    remaining = iter(indexes)
    return [tuple(islice(remaining, len(append.events))) for append in appends]


def _merged(appends: Sequence[Append]) -> Append:
    return Append(
        tuple(event for append in appends for event in append.events),
        tuple(change for append in appends for change in append.changes),
    )


class _Group:
    """One transaction's appends: the next index, and the subjects met so far."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys
        last = connection.scalar(_LAST)
        self._next: int = 0 if last is None else last + 1
        self._subjects: dict[str, Subject] = {}

    def write(self, append: Append) -> Indexes | LimnerError:
        """One append in a savepoint of its own."""
        savepoint = self._connection.begin_nested()
        try:
            indexes = self._write(append)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_outage(error):
                raise  # SQLite may have rolled back the whole transaction, savepoint and all
            savepoint.rollback()
            self._subjects.clear()  # one of them may have come with the savepoint
            return self._recorded(append) or _explained(error)
        savepoint.commit()
        self._next += len(indexes)
        return indexes

    def _write(self, append: Append) -> Indexes:
        rows = [self._row(event, index) for index, event in enumerate(append.events, self._next)]
        if rows:
            self._connection.execute(insert(events), [row.event for row in rows])
        if sealed := [payload for row in rows for payload in row.payloads]:
            self._connection.execute(insert(payloads), sealed)
        for event, row in zip(append.events, rows, strict=True):
            follow(self._connection, event, index=row.event["index"], time=row.event["time"], pseudonym=row.pseudonym)
        for change in append.changes:
            self._apply(change)
        return tuple(row.event["index"] for row in rows)

    def _row(self, event: Event, index: int) -> _Row:
        subject = self._subject(event.subject) if event.subject else None
        sealed = [seal(subject, event.id, name, data) for name, data in event.payloads.items()] if subject else []
        time, pseudonym = timestamp(), subject.pseudonym if subject else ""
        commitments = {payload.name: payload.commitment for payload in sealed}
        data = canonical_event(event, time=time, pseudonym=pseudonym, commitments=commitments)
        return _Row(
            event={
                "index": index,
                "id": event.id,
                "request_id": event.request_id,
                "kind": event.kind,
                "version": event.version,
                "time": time,
                "canonical": data,
                "leaf_hash": leaf_hash(data),
            },
            payloads=[_payload_row(index, pseudonym, payload) for payload in sealed],
            pseudonym=pseudonym,
        )

    def _subject(self, name: str) -> Subject:
        if name not in self._subjects:
            self._subjects[name] = ensure_subject(self._connection, self._keys, name)
        return self._subjects[name]

    def _apply(self, change: Change) -> None:
        if isinstance(change, Executable):
            self._connection.execute(change)
        else:
            change(self._connection)

    def _recorded(self, append: Append) -> Indexes | None:
        """The indexes of events that were recorded before, all of one append at once; None if they were not."""
        ids = [event.id for event in append.events]
        query = select(events.c.id, events.c.index).where(events.c.id.in_(ids))
        found = {row.id: row[1] for row in self._connection.execute(query)}
        return tuple(found[id] for id in ids) if ids and len(found) == len(ids) else None


@dataclass(frozen=True, slots=True)
class _Row:
    """What one event adds to the tables."""

    event: dict[str, Any]  # columns of `events`
    payloads: list[dict[str, Any]]  # columns of `payloads`
    pseudonym: str


def _payload_row(index: int, pseudonym: str, payload: SealedPayload) -> dict[str, Any]:  # columns of `payloads`
    return {
        "event": index,
        "name": payload.name,
        "subject": pseudonym,
        "wrapped_key": payload.wrapped_key,
        "sealed": payload.sealed,
    }


def _explained(error: Exception) -> LimnerError:
    if isinstance(error, LimnerError):
        return error
    explained = AuditError(f"the events cannot be recorded: {error.orig if isinstance(error, DBAPIError) else error}")
    explained.__cause__ = error
    return explained
