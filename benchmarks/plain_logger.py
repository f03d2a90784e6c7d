"""The logger that an engineer writes in an afternoon: each event is inserted through SQLAlchemy and committed by itself.

Engine, pool and driver are as they come, and the table is as such tables are: a number, the time, the request (indexed), the
kind, and the body as JSON. All that is set is what makes a commit durable, as it does for ours: on SQLite the write-ahead log
with synchronous=FULL, and enough patience with its lock that no event is lost; PostgreSQL is durable by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Engine, Integer, MetaData, String, Table, create_engine, event, insert
from sqlalchemy.engine import make_url

from limner.database.libpq_url import connect_arguments

PATIENCE = 60  # seconds
logged = Table(
    "logged_events",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False, default=lambda: datetime.now(UTC)),
    Column("request_id", String(32), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("body", JSON, nullable=False),
)


class PlainLogger:
    """Logs from any number of threads, each of which waits for its own commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        logged.create(engine, checkfirst=True)

    def log(self, kind: str, request_id: str, body: Mapping[str, Any]) -> None:
        """One event, durable when this returns."""
        with self._engine.begin() as connection:
            connection.execute(insert(logged), {"request_id": request_id, "kind": kind, "body": body})


@contextmanager
def plain_logger(url: str) -> Iterator[PlainLogger]:
    """A logger on the database of this URL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _be_durable)
    else:
        arguments = connect_arguments(parsed, timeout=PATIENCE)
        engine = create_engine(parsed.set(drivername="postgresql+pg8000", query={}), connect_args=arguments)
    try:
        yield PlainLogger(engine)
    finally:
        engine.dispose()


def _be_durable(connection: Any, record: object) -> None:  # a sqlite3.Connection
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
