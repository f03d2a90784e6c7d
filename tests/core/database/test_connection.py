from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from limner.database.connection import Database, is_outage
from limner.database.migration import open_database
from limner.database.tables import events, texts
from limner.errors import AuditError, ConfigurationError

if TYPE_CHECKING:
    from tests.core.conftest import PostgreSQLServer


def _event(index: int, id: str = "") -> dict[str, object]:
    row: dict[str, object] = {"index": index, "id": id or f"{index:032x}", "request_id": "", "kind": "k", "version": 1}
    return {**row, "time": "", "canonical": b"", "leaf_hash": b""}


def test_sqlite_commits_are_durable_and_readers_do_not_wait(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.reading() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    database.close()
    assert values == ["wal", 2, 1, 10_000, 1]


def test_a_new_record_is_waited_for_while_another_process_sets_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr("limner.database.connection.sleep", wait)
    with closing(Database(f"sqlite:///{tmp_path / 'x.db'}")) as database, closing(other), database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert len(waits) == 3


def test_a_new_record_that_stays_locked_is_given_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.database.connection.PATIENCE", 0.01)
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditError, match="does not answer: database is locked"):
            open_database(f"sqlite:///{tmp_path / 'x.db'}")


def test_postgresql_commits_are_durable_even_where_the_server_is_set_to_be_quick(postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    name = url.split("?")[0].rsplit("/", 1)[1]
    postgresql.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = Database(url)
    with database.reading() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
    database.close()


def test_a_transaction_that_ends_in_a_raise_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(insert(texts), [{"hash": "a", "kind": "k", "text": b""}, {"hash": "b", "kind": "k", "text": None}])
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(texts)) == 0


def test_writers_take_turns_from_the_beginning_of_their_transactions(database: Database) -> None:
    """Each reads the newest index and adds the next one; without the lock two would read the same."""

    def add() -> None:
        for _ in range(10):
            with database.writing() as connection:
                last = connection.scalar(select(func.max(events.c.index)))
                connection.execute(insert(events), [_event(0 if last is None else last + 1)])

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert list(connection.scalars(select(events.c.index).order_by(events.c.index))) == list(range(40))


def test_a_reader_sees_what_was_committed_while_a_writer_is_at_work(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(events), [_event(0)])
    with database.writing() as connection:
        connection.execute(insert(events), [_event(1)])
        with database.reading() as other:
            assert list(other.scalars(select(events.c.index))) == [0]


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events"])
def test_the_database_itself_refuses_to_change_an_event(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(insert(events), [_event(0)])
    with pytest.raises(IntegrityError, match="append-only"), database.writing() as connection:
        connection.execute(text(statement))


def test_no_other_statement_gets_around_that(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(events), [_event(0)])
    if database.dialect == "postgresql":
        with pytest.raises(IntegrityError, match="append-only"), database.writing() as connection:
            connection.execute(text("TRUNCATE events CASCADE"))
        return
    for replacing in (_event(0, id="f" * 32), _event(1, id="0" * 32)):
        with pytest.raises(IntegrityError, match="there already"), database.writing() as connection:
            connection.execute(insert(events).prefix_with("OR REPLACE"), [replacing])


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "no url at all"])
def test_a_url_that_cannot_hold_a_record_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert caught.value.where == "LIMNER_DATABASE_URL"
    assert "sqlite:///path" in caught.value.fix


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(ConfigurationError, match="pg8000") as caught:
        Database("postgresql://user@host/name")
    assert "limner[postgresql]" in caught.value.fix


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Database("postgresql://user:secret@host/name"))


def test_a_wrong_statement_is_no_outage(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.reading() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert not is_outage(caught.value)


def test_a_locked_database_is_an_outage(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))
    with database.writing(), pytest.raises(DBAPIError, match="locked") as caught, database.writing():
        pass
    database.close()
    assert is_outage(caught.value)


def test_a_session_that_the_server_ends_is_an_outage(postgresql: PostgreSQLServer) -> None:
    database = Database(postgresql.new_database())
    with pytest.raises(DBAPIError) as caught, database.reading() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    database.close()
    assert is_outage(caught.value)
