"""Bringing a database to this version's tables. SQLite is brought there at first use; PostgreSQL only when told to.

The history is Alembic's, one for all tables, in `migrations/`. It runs under the write lock, so of several processes that
start on an old database one migrates and the others find it done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from limner.database.connection import Database, is_outage
from limner.errors import AuditError, ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"  # the newest revision; here, so that opening a database that has it need not read the history
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
    except BaseException:
        database.close()
        raise
    return database


def status(database: Database) -> Status:
    """Where the database stands, without changing it. Raises AuditError if it cannot be reached."""
    from alembic.script import ScriptDirectory

    revision = _revision(database)
    scripts = ScriptDirectory.from_config(_config())
    known = [script.revision for script in scripts.walk_revisions()]  # newest first
    if revision and revision not in known:
        return Status("unknown", revision, HEAD, ())
    pending = tuple(reversed(known[: known.index(revision)] if revision else known))
    return Status("current" if not pending else "behind" if revision else "empty", revision, HEAD, pending)


def upgrade(database: Database) -> None:
    """Bring the database to HEAD; nothing happens if it is there.

    Raises ConfigurationError if it is of a newer version, and AuditError if it cannot be reached or refuses.
    """
    from alembic import command

    _known(database)
    with _told(database), database.writing() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def plan(database: Database) -> str:
    """The SQL that `upgrade` would run, as a script; empty where there is nothing to do. Raises what `upgrade` raises."""
    from alembic import command

    now = _known(database)
    if not now.pending:
        return ""
    script = StringIO()
    config = _config(output_buffer=script)
    config.attributes["dialect"] = database.dialect
    command.upgrade(config, f"{now.revision or 'base'}:head", sql=True)
    return script.getvalue()


def _ready(database: Database) -> None:
    revision = _revision(database)
    if revision == HEAD:
        return
    if database.dialect == "sqlite":
        upgrade(database)
        return
    now = _known(database)
    raise ConfigurationError(
        f"the database has {'no tables yet' if now.state == 'empty' else f'tables of revision {revision}'}; "
        f"this version needs revision {HEAD}",
        where=repr(database),
        fix="limner db upgrade",
    )


def _known(database: Database) -> Status:
    """Where a database stands that this version of Limner knows."""
    now = status(database)
    if now.state == "unknown":
        raise ConfigurationError(
            f"the database has tables of revision {now.revision}, which this version of Limner does not know",
            where=repr(database),
            fix="use the newer version of Limner that wrote it",
        )
    return now


def _revision(database: Database) -> str:
    with _told(database), database.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


@contextmanager
def _told(database: Database) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        what = "does not answer" if is_outage(error) else "refuses"
        raise AuditError(f"the database {what}: {error.orig}", where=repr(database)) from error


def _config(output_buffer: StringIO | None = None) -> Config:
    from alembic.config import Config

    config = Config(output_buffer=output_buffer)
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))  # it is read by ConfigParser
    config.set_main_option("path_separator", "os")
    return config
