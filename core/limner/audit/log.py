"""Adding to the log: many appends in one transaction, each whole or not at all, with consecutive indexes.

The caller holds the write lock (`Database.writing`) and commits. An append whose events are recorded already, because an
earlier commit went through though its answer was lost, is not written again: its indexes are looked up by the events' ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Executable, select
from sqlalchemy.exc import DBAPIError

from limner.audit.event import Event, canonical_body, canonical_event
from limner.audit.payloads import SealedPayload, seal
from limner.audit.standing import follow
from limner.audit.verifier import Row
from limner.canonical import leaf_hash
from limner.database.connection import is_outage
from limner.database.inserting import insert_rows
from limner.database.subjects import Subject, ensure_subject
from limner.database.tables import events, payloads
from limner.database.timestamp import timestamp
from limner.errors import AuditError, LimnerError
from limner.keys import Keys

Change = Executable | Callable[[Connection], None]
Indexes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """Events that are recorded together or not at all, and the changes to other tables that go with them."""

    events: tuple[Event, ...]
    changes: tuple[Change, ...] = ()
    bodies: tuple[str | None, ...] = field(init=False)  # what `canonical_body` gives, had before the log is locked

    def __post_init__(self) -> None:
        object.__setattr__(self, "bodies", tuple(canonical_body(event) for event in self.events))

    @property
    def pairs(self) -> Iterator[tuple[Event, str | None]]:
        """Each event with its body."""
        return zip(self.events, self.bodies, strict=True)


def append_group(connection: Connection, keys: Keys, appends: Sequence[Append]) -> list[Indexes]:
    """Write appends in order, all of them or none: the indexes of each one's events.

    Raises whatever keeps one of them from being written; the transaction must then be rolled back, as nothing in it holds.
    """
    happened = [pair for append in appends for pair in append.pairs]
    changes = [change for append in appends for change in append.changes]
    indexes = iter(_Log(connection, keys).write(happened, changes))
    return [tuple(islice(indexes, len(append.events))) for append in appends]


def append_each(connection: Connection, keys: Keys, appends: Sequence[Append]) -> list[Indexes | LimnerError]:
    """Write appends in order, each by itself: the indexes of its events, or why it alone was not written.

    It takes twice the time of `append_group`. Raises DBAPIError where the database could not do its work; the transaction must
    then be rolled back.
    """
    log = _Log(connection, keys)
    return [log.write_alone(append) for append in appends]


class _Log:
    """The log within one transaction: its next index, and the subjects met so far."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys
        self._next = _size(connection)
        self._subjects: dict[str, Subject] = {}

    def write_alone(self, append: Append) -> Indexes | LimnerError:
        """One append in a savepoint of its own."""
        savepoint = self._connection.begin_nested()
        try:
            indexes = self.write(tuple(append.pairs), append.changes)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_outage(error):
                raise  # SQLite may have rolled back the whole transaction, savepoint and all
            savepoint.rollback()
            self._subjects.clear()  # one of them may have come with the savepoint
            return self._recorded(append) or _explained(error)
        savepoint.commit()
        return indexes

    def write(self, happened: Sequence[tuple[Event, str | None]], changes: Sequence[Change]) -> Indexes:
        """Events with their bodies, what follows from them, and the changes that go with them."""
        first, time = self._next, timestamp()
        rows, sealed = [], []
        for index, (event, body) in enumerate(happened, first):
            pseudonym, own = self._pseudonym(event), self._sealed(event)
            rows.append(_row(event, body, index, time, pseudonym, own))
            sealed += [_payload_row(index, pseudonym, payload) for payload in own]
        insert_rows(self._connection, events, rows)
        insert_rows(self._connection, payloads, sealed)
        for index, (event, _) in enumerate(happened, first):
            follow(self._connection, event, index=index, time=time, pseudonym=self._pseudonym(event))
        for change in changes:
            self._apply(change)
        self._next += len(rows)
        return tuple(range(first, self._next))

    def _pseudonym(self, event: Event) -> str:
        return self._subject(event.subject).pseudonym if event.subject else ""

    def _sealed(self, event: Event) -> list[SealedPayload]:
        return [seal(self._subject(event.subject), event.id, name, data) for name, data in event.payloads.items()]

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


def _size(connection: Connection) -> int:
    last = connection.exec_driver_sql('SELECT max("index") FROM events').scalar()
    return 0 if last is None else int(last) + 1


def _row(event: Event, body: str | None, index: int, time: str, pseudonym: str, sealed: Sequence[SealedPayload]) -> Row:
    commitments = {payload.name: payload.commitment for payload in sealed}
    data = canonical_event(event, time=time, pseudonym=pseudonym, commitments=commitments, body=body)
    return Row(index, event.id, event.request_id, event.kind, event.version, time, data, leaf_hash(data))


def _payload_row(index: int, pseudonym: str, payload: SealedPayload) -> tuple[Any, ...]:  # columns of `payloads`
    return (index, payload.name, pseudonym, payload.wrapped_key, payload.sealed)


def _explained(error: Exception) -> LimnerError:
    if isinstance(error, LimnerError):
        return error
    explained = AuditError(f"the events cannot be recorded: {error.orig if isinstance(error, DBAPIError) else error}")
    explained.__cause__ = error
    return explained
