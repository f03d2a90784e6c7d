"""Connections to the database, SQLite or PostgreSQL, set up so that a commit is durable and writers take turns.

Whoever adds to the record holds the write lock from the start of its transaction to the commit: in SQLite the database's own
(BEGIN IMMEDIATE), in PostgreSQL an advisory lock. Under it, indexes are assigned without gaps, by several processes too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from limner.errors import ConfigurationError

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+pg8000"}
PATIENCE = 10  # seconds to wait for another writer before giving up
WRITE_LOCK = 0x4C696D6E65720000  # "Limner" in ASCII, then zeros: the key of PostgreSQL's advisory lock

PRAGMAS = (
    f"PRAGMA busy_timeout = {PATIENCE * 1000}",
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # an erased key leaves no copy in a free page
)


class Database:
    """One database, from one process. Thread-safe; a forked child opens its own.

    `url` is an SQLAlchemy URL: `sqlite:///path` or `postgresql://user@host/name`. Nothing is connected to yet; see
    `limner.database.migration.open_database` for a database that is ready for use.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.dialect = self.url.get_backend_name()
        self.engine = _sqlite(self.url) if self.dialect == "sqlite" else _postgresql(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a transaction for reading."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that goes on seeing the database as it stands at the first thing it reads."""
        with self.reading() as connection:
            if self.dialect == "postgresql":  # SQLite does so anyway
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection

    def connect(self) -> Connection:
        """A connection to keep, for one `writing` after the other: it is not looked at again whether it still lives."""
        return self.engine.connect().execution_options(limner_writes=True)

    @contextmanager
    def writing(self, kept: Connection | None = None) -> Iterator[Connection]:
        """A connection in a transaction that holds the write lock; it is committed at the end, or rolled back by a raise."""
        with nullcontext(kept) if kept else self.connect() as connection, connection.begin():
            if self.dialect == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
            yield connection

    def scrub(self) -> None:
        """Leave no copy of what was just overwritten where the database keeps old pages and rows.

        In SQLite its write-ahead log is emptied, as far as nobody reads from it; in PostgreSQL dead rows are vacuumed away.
        Archived logs and backups are beyond its reach.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.exec_driver_sql("ROLLBACK")  # a transaction may have begun to see whether the connection lives
                connection.exec_driver_sql("VACUUM subjects, payloads, images, fingerprints")

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"


def is_outage(error: DBAPIError) -> bool:
    """Whether the database could not do its work (gone, locked, full), and not the statement was wrong."""
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    return isinstance(error, OperationalError) and (code is None or code & 0xFF != sqlite3.SQLITE_ERROR)


def _checked(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigurationError("the database URL cannot be read", where="LIMNER_DATABASE_URL", fix=_FIX) from error
    backend = url.get_backend_name()
    if backend not in DRIVERS:
        raise ConfigurationError(f"no record is kept in {backend!r}", where="LIMNER_DATABASE_URL", fix=_FIX)
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError("the record is not kept in memory", where="LIMNER_DATABASE_URL", fix=_FIX)
    return url.set(drivername=DRIVERS[backend])


_FIX = "write sqlite:///path/to/limner.db or postgresql://user@host/name"


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL. Raises ConfigurationError for a URL of neither."""
    checked = _checked(url)
    return Path(checked.database) if checked.get_backend_name() == "sqlite" and checked.database else None


def _sqlite(url: URL) -> Engine:
    assert url.database is not None
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # else sqlite3 itself begins transactions, late and never immediate
    for pragma in PRAGMAS:
        connection.execute(pragma)
    _enter_wal(connection)


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch a new database to its write-ahead log, and wait for others that just do so.

    SQLite does not: whoever reads the database and then asks for all of it is told at once that it is busy, as another
    who does the same would wait for ever (https://sqlite.org/c3ref/busy_handler.html). Raises after PATIENCE seconds.
    """
    patience = monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > patience:
                raise
        sleep(0.005)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("limner_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    try:
        from limner.database.postgresql import open_engine

        return open_engine(url, patience=PATIENCE)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "PostgreSQL needs the package pg8000", where="LIMNER_DATABASE_URL", fix="pip install 'limner[postgresql]'"
        ) from error
