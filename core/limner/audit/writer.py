"""The one thread of a process that writes to the log.

Whoever has events hands them over and gets a future. The thread takes all that waits, writes it in one transaction and
commits once (group commit), so that the cost of reaching the disk is shared; a future is done when its events are durable. A
database that is away or full for a moment is tried again, and so is a COMMIT that gave no answer: events keep their ids, so
none is recorded twice. If it stays away, the futures end in AuditError, and the next append tries anew.

An event costs so little that waking threads counts: the writer is woken once for a group, when as many wait as in the last one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition, Lock, Thread
from types import TracebackType

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from limner.audit.appended import Appended, settle
from limner.audit.event import Event
from limner.audit.log import Append, Change, Indexes, append_each, append_group
from limner.database.connection import Database, is_outage
from limner.errors import AuditError, LimnerError
from limner.keys import Keys

log = logging.getLogger(__name__)

SLOTS = 256  # requests that may be under way in one process
LARGEST_GROUP = 256  # appends in one transaction: more would make the first of them wait for the last
MOST_PATIENCE = 0.002  # seconds that a group waits for those who were in the last one
DELAYS = (0.05, 0.2, 0.5, 1.0)  # seconds before each further try


class Slot:
    """Room for one request's events, given back at the end of the `with` block."""

    def __init__(self, room: BoundedSemaphore) -> None:
        self._room = room

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._room.release()


class AuditWriter:
    """Appends events to the log of a database. Thread-safe; a forked child makes its own.

    `slots` bounds the requests under way; `delays` are the pauses, in seconds, between tries when the database is away.
    `committed` is called after each commit; it must be quick, and not raise.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        *,
        slots: int = SLOTS,
        delays: Sequence[float] = DELAYS,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._committed = committed
        self._database, self._keys, self._delays, self._slots = database, keys, tuple(delays), slots
        self._room = BoundedSemaphore(slots)
        self._waiting: list[Appended] = []
        self._entrance = Lock()
        self._enough = Condition(self._entrance)  # told when as many wait as the writer waits for, or none will come any more
        self._wanted = 0  # how many that is
        self._closed = ""
        self._last_size, self._patience = 1, 0.0
        self._connection: Connection | None = None  # the thread's own, between two groups
        self._process = os.getpid()
        self._thread = Thread(target=self._run, name="limner-audit-writer", daemon=True)
        self._thread.start()

    def reserve(self) -> Slot:
        """Room for one request, to be taken before it is accepted: once it is, its events are never refused.

        Raises AuditError if there is none, or if the writer no longer writes.
        """
        self._refuse_if_forked()
        self._refuse_if_closed()
        if not self._room.acquire(blocking=False):
            raise AuditError(f"{self._slots} requests are under way already", fix="try again when one of them has ended")
        return Slot(self._room)

    def append(self, events: Sequence[Event], changes: Sequence[Change] = ()) -> Appended:
        """Record events together with changes to other tables: all of it or nothing.

        What is returned gives the events' indexes once they are durable, or ends in AuditError. `changes` are SQLAlchemy
        statements, or functions of the connection; they may run more than once, each time in a transaction that holds nothing
        else of this append. Appends of one thread are recorded in its order.
        """
        self._refuse_if_forked()
        appended = Appended(Append(tuple(events), tuple(changes)))
        with self._entrance:
            self._refuse_if_closed()
            self._waiting.append(appended)
            if len(self._waiting) == self._wanted:
                self._enough.notify()
        return appended

    def close(self) -> None:
        """Write what waits, then stop. What comes later is refused."""
        self._refuse_if_forked()
        with self._entrance:
            if not self._closed:
                self._closed = "the record is closed: the process is ending"
                self._enough.notify()
        self._thread.join()

    def _refuse_if_forked(self) -> None:
        """A child has the locks as they stood at the fork, and no thread: it would wait for ever."""
        if self._process != os.getpid():
            raise AuditError("this process was forked from the one that writes the record, and has no writer of its own")

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise AuditError(self._closed, fix="start Limner again")

    def _run(self) -> None:
        group: list[Appended] = []
        try:
            while group := self._collect():
                self._write(group)
            if self._connection:
                self._connection.close()
        except BaseException as error:
            log.critical("the writer of the record has died", exc_info=True)
            self._die(error, group)

    def _collect(self) -> list[Appended]:
        """What waits, at least one append; nothing once the writer is closed and all is written.

        Those whose events were just made durable are likely to come again at once. A group begun without them would make them
        wait for two commits, so it waits for as many as the last one had, but no longer than that one took.
        """
        with self._entrance:
            self._wait_for(1, None)
            self._wait_for(self._last_size, self._patience)
            group = self._waiting[:LARGEST_GROUP]
            del self._waiting[:LARGEST_GROUP]
        return group

    def _wait_for(self, count: int, patience: float | None) -> None:
        """Until so many appends wait or the writer is closed, and no longer than `patience` seconds."""
        self._wanted = count
        self._enough.wait_for(lambda: len(self._waiting) >= count or self._closed, patience)

    def _write(self, group: list[Appended]) -> None:
        started = time.monotonic()
        try:
            results = self._commit([appended.append for appended in group])
        except Exception as error:
            results = [self._unwritten(error)] * len(group)
        self._last_size, self._patience = (
            len(group),
            min(MOST_PATIENCE, time.monotonic() - started),
        )
        settle(zip(group, results, strict=True))
        self._committed()

    def _commit(self, appends: Sequence[Append]) -> Sequence[Indexes | LimnerError]:
        """One transaction, tried again while the database is away. Returns after the commit."""
        for delay in self._delays:
            try:
                return self._try(appends)
            except DBAPIError as error:
                if not is_outage(error):
                    raise
            time.sleep(delay)
        return self._try(appends)

    def _try(self, appends: Sequence[Append]) -> Sequence[Indexes | LimnerError]:
        """All as one, which costs half as much as each by itself; where that fails, each by itself."""
        try:
            with self._writing() as connection:
                return append_group(connection, self._keys, appends)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_outage(error):
                raise
        with self._writing() as connection:
            return append_each(connection, self._keys, appends)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction on the thread's own connection, which is kept for as long as all goes well."""
        connection, self._connection = self._connection or self._database.connect(), None
        try:
            with self._database.writing(connection):
                yield connection
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _unwritten(self, error: Exception) -> AuditError:
        reason = error.orig if isinstance(error, DBAPIError) else error
        unwritten = AuditError(
            f"the record cannot be written: {reason}",
            where=repr(self._database),
            fix="see that the database is up and its disk has room; nothing is released meanwhile",
        )
        unwritten.__cause__ = error
        return unwritten

    def _die(self, error: BaseException, group: list[Appended]) -> None:
        """Leave nobody waiting for a thread that is gone."""
        with self._entrance:
            self._closed = f"the writer of the record has died: {error!r}"
            group += self._waiting
        lost = AuditError(self._closed, fix="start Limner again")
        settle((appended, lost) for appended in group if not appended.done())
