"""Publishing heads: a thread that follows the commits and that nobody waits for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from threading import Event, Thread

from sqlalchemy import func, select

from limner.audit.outside import Sink
from limner.database.connection import Database
from limner.database.tables import events
from limner.errors import AuditError
from limner.keys import Keys

log = logging.getLogger(__name__)

Tell = Callable[[Sink, Exception | None], None]

INTERVAL = 0.1  # seconds from one head to the next, at least


class Publisher:
    """Publishes a head after commits, at most one each `interval` seconds. A sink that fails is logged, and tried again."""

    def __init__(self, database: Database, keys: Keys, sinks: Sequence[Sink], *, interval: float = INTERVAL) -> None:
        self._database, self._keys, self._sinks, self._interval = database, keys, tuple(sinks), interval
        self._wanted, self._closed = Event(), Event()
        self._said: dict[int, str] = {}  # what was logged of each sink, so that it is not said ten times a second
        self._process = os.getpid()
        self._thread = Thread(target=self._run, name="limner-heads", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """The log has grown. Returns at once."""
        self._wanted.set()

    def close(self) -> None:
        """Publish what is left, then stop."""
        if self._process != os.getpid():
            return  # a forked child has no such thread
        self._closed.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        ends = False
        while not ends:
            self._wanted.wait()
            self._wanted.clear()
            ends = self._closed.is_set()
            publish(self._database, self._keys, self._sinks, self._tell)
            self._closed.wait(self._interval)

    def _tell(self, sink: Sink, error: Exception | None) -> None:
        said = str(error) if error else ""
        if said != self._said.get(id(sink), ""):
            log.critical("heads of the record: %s", said or "they are published again")
        self._said[id(sink)] = said


def publish(database: Database, keys: Keys, sinks: Sequence[Sink], tell: Tell) -> None:
    """Bring every sink up to the log as it stands, and tell of each what went wrong, or None."""
    for sink in sinks:
        try:
            sink.publish(keys, lambda size: leaves_since(database, size))
            tell(sink, None)
        except Exception as error:  # whatever it is, the thread goes on
            tell(sink, error)


def leaves_since(database: Database, size: int) -> list[bytes]:
    """The leaf hashes of every event but the first `size`. Raises AuditError where the log is shorter, or has a gap."""
    query = select(events.c.index, events.c.leaf_hash).where(events.c.index >= size).order_by(events.c.index)
    with database.reading() as connection:
        found = connection.execute(query).all()
        if not found:
            last = connection.scalar(select(func.max(events.c.index)))
            count = 0 if last is None else last + 1
            if count < size:
                raise AuditError(f"the record has {count} events, and {size} were attested", fix="limner audit verify")
    if found and (found[0][0] != size or found[-1][0] != size + len(found) - 1):
        raise AuditError(f"events are missing from the record after event {size - 1}", fix="limner audit verify")
    return [hash for _, hash in found]
