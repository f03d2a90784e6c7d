from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from forked import exit_codes, fork
from sqlalchemy import text

from limner.database.connection import Database
from limner.database.migration import HEAD, SCRIPTS, Status, open_database, status, upgrade
from limner.database.tables import metadata
from limner.errors import AuditError, ConfigurationError

if TYPE_CHECKING:
    from tests.core.conftest import PostgreSQLServer

HISTORY = tuple(f"{number:04}" for number in range(1, int(HEAD) + 1))  # every revision, the oldest first


def test_the_history_leads_to_the_tables_that_the_code_uses(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_heads() == [HEAD]


def test_status_tells_what_is_to_come_and_changes_nothing(empty_url: str) -> None:
    database = Database(empty_url)
    assert status(database) == status(database) == Status("empty", "", HEAD, HISTORY)
    upgrade(database)
    upgrade(database)
    assert status(database) == Status("current", HEAD, HEAD, ())
    database.close()


def test_sqlite_is_brought_up_at_first_use(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'limner.db'}"
    open_database(url).close()
    again = open_database(url)
    assert status(again).state == "current"
    again.close()


def test_postgresql_waits_to_be_told(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    with pytest.raises(ConfigurationError, match="no tables yet") as caught:
        open_database(url)
    assert caught.value.fix == "limner db upgrade"
    database = Database(url)
    assert status(database).state == "empty"
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(empty_url: str) -> None:
    database = Database(empty_url)
    upgrade(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert status(database).state == "unknown"
    with pytest.raises(ConfigurationError, match="9999, which this version of Limner does not know"):
        open_database(empty_url)
    with pytest.raises(ConfigurationError, match="9999"):
        upgrade(database)
    database.close()


def test_a_database_that_is_not_there_is_an_audit_error(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="does not answer"):
        open_database(f"postgresql://nobody@/nothing?host={tmp_path}")


def test_a_database_that_lets_nobody_in_is_told_from_one_that_is_away(through: Callable[..., str]) -> None:
    with pytest.raises(AuditError, match="refuses: password authentication failed"):
        open_database(through().replace("postgres@", "locked:wrong@"))


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_url: str) -> None:
    start, go = os.pipe()

    def work() -> None:
        os.close(go)
        os.read(start, 1)
        with closing(Database(empty_url)) as database:
            upgrade(database)

    children = [fork(work) for _ in range(4)]
    os.close(go)  # the last writing end: every child sees the end of the pipe and starts
    assert exit_codes(children) == [0, 0, 0, 0]
    os.close(start)
    with closing(Database(empty_url)) as database:
        assert status(database).state == "current"
