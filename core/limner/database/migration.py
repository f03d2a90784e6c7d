"""Bringing a database to this version's tables. SQLite is brought there at first use; PostgreSQL only when told to.

The history is Alembic's, one for all tables, in `migrations/`. It runs under the write lock, so of several processes that
start on an old database one migrates and the others find it done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from limner.database.connection import Database
from limner.errors import AuditError, ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"  # the newest revision; here, so that opening a database that has it need not read the history
SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands. `revision` is empty where there are no tables yet; `pending` are the revisions to come.

    `state` is `unknown` where the database has a revision that this version has never heard of.
    """

    state: Literal["empty", "behind", "current", "unknown"]
    revision: str
    head: str
    pending: tuple[str, ...]


def open_database(url: str) -> Database:
    """A database that is ready for use.

    Raises ConfigurationError if it is of a newer version, or a PostgreSQL database that waits to be upgraded, and AuditError if
    it cannot be reached.
    """
    database = Database(url)
    try:
        _ready(database)
    except DBAPIError as error:
        database.close()
        raise AuditError(f"the database does not answer: {error.orig}", where=repr(database)) from error
    except BaseException:
        database.close()
        raise
    return database


def status(database: Database) -> Status:
    """Where the database stands, without changing it."""
    from alembic.script import ScriptDirectory

    with database.reading() as connection:
        revision = _revision(connection)
    scripts = ScriptDirectory.from_config(_config())
    known = [script.revision for script in scripts.walk_revisions()]  # newest first
    if revision and revision not in known:
        return Status("unknown", revision, HEAD, ())
    pending = tuple(reversed(known[: known.index(revision)] if revision else known))
    return Status("current" if not pending else "behind" if revision else "empty", revision, HEAD, pending)


def upgrade(database: Database) -> None:
    """Bring the database to HEAD; nothing happens if it is there. Raises ConfigurationError if it is of a newer version."""
    from alembic import command

    now = status(database)
    if now.state == "unknown":
        raise _newer(database, now.revision)
    with database.writing() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _ready(database: Database) -> None:
    with database.reading() as connection:
        revision = _revision(connection)
    if revision == HEAD:
        return
    if database.dialect == "sqlite":
        upgrade(database)
        return
    now = status(database)
    if now.state == "unknown":
        raise _newer(database, revision)
    raise ConfigurationError(
        f"the database has {'no tables yet' if now.state == 'empty' else f'tables of revision {revision}'}; "
        f"this version needs revision {HEAD}",
        where=repr(database),
        fix="limner db upgrade",
    )


def _newer(database: Database, revision: str) -> ConfigurationError:
    return ConfigurationError(
        f"the database has tables of revision {revision}, which this version of Limner does not know",
        where=repr(database),
        fix="use the newer version of Limner that wrote it",
    )


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))  # it is read by ConfigParser
    config.set_main_option("path_separator", "os")
    return config
