"""Leases: how other processes know that the one which accepted a request still lives.

A lease is a lock that the system drops when its process dies, however it dies. Beside SQLite it is a locked file, as all
processes are on one machine; in PostgreSQL it is a session's advisory lock, so that they need not be. A process that loses
its connection to PostgreSQL loses its lease too, and what it then tries to release is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Protocol
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from limner.database.connection import Database
from limner.errors import AuditError


class Lease(Protocol):
    """Held from acquisition until it is released, or its process dies."""

    @property
    def id(self) -> str:
        """What the record calls it."""

    def keep(self) -> str:
        """Its id, for a request that begins under it: a new one if the system has dropped the lock. Raises AuditError."""

    def release(self) -> None:
        """Give it up. Requests that are still open under it may then be closed by others."""


class Leases(Protocol):
    """The leases of one installation."""

    def acquire(self) -> Lease:
        """A new lease for this process."""

    def is_held(self, id: str) -> bool:
        """Whether the process that acquired this lease lives and holds it."""


def leases_of(database: Database, state: Path) -> Leases:
    """The leases that go with a database: in it for PostgreSQL, in `state/leases` for SQLite."""
    return SessionLeases(database) if database.dialect == "postgresql" else FileLeases(state / "leases")


class FileLeases:
    """Leases that are locked files in a folder. A file that is gone, or that nobody locks, is a dead lease."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acquire(self) -> Lease:
        """A new lease. Files that dead processes left are removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            _remove_if_dead(path)
        while True:
            path = self._folder / uuid4().hex
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                return _FileLease(path, descriptor)
            os.close(descriptor)  # another process removed it as dead between the two calls

    def is_held(self, id: str) -> bool:
        """Whether its file is there and locked."""
        if not id.isalnum():
            return False
        try:
            descriptor = os.open(self._folder / id, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


class _FileLease:
    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    @property
    def id(self) -> str:
        return self._path.name

    def keep(self) -> str:
        return self.id

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _remove_if_dead(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        if _lock(descriptor, fcntl.LOCK_EX):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock could be had at once; it goes when the descriptor is closed."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class SessionLeases:
    """Leases that are advisory locks of PostgreSQL sessions, one connection for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self) -> Lease:
        """A new lease, on a connection of its own that is kept open."""
        return _SessionLease(self._database)

    def is_held(self, id: str) -> bool:
        """Whether some session has the lock."""
        with self._database.reading() as connection:  # the shared lock taken here goes with the transaction
            return not connection.scalar(select(func.pg_try_advisory_xact_lock_shared(_lock_key(id))))


class _SessionLease:
    def __init__(self, database: Database) -> None:
        self._database, self._lock = database, Lock()
        self._take()

    def keep(self) -> str:
        with self._lock:
            try:
                self._connection.execute(select(1))
            except SQLAlchemyError:  # it is lost, or was not had again the last time
                self.release()
                self._take()
            return self.id

    def release(self) -> None:
        with suppress(SQLAlchemyError):  # the server may take a moment to see that the session has ended
            self._connection.execute(select(func.pg_advisory_unlock(_lock_key(self.id))))
        self._connection.close()
        if self._driver is not None:
            self._driver.close()  # which SQLAlchemy leaves to us once it is detached and lost

    def _take(self) -> None:
        id = uuid4().hex
        try:
            self._connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._driver = self._connection.connection.driver_connection
            self._connection.detach()  # closing it then ends the session, and the lock with it
            self._connection.execute(select(func.pg_advisory_lock(_lock_key(id))))
            self._connection.commit()  # the lock stays; a transaction may have begun to see whether the connection lives
        except DBAPIError as error:
            raise AuditError(f"the database does not answer: {error.orig}", where=repr(self._database)) from error
        self.id = id


def _lock_key(id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"limner lease {id}".encode()).digest()[:8], "big", signed=True)
