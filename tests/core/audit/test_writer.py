from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from forked import exit_codes, fork
from sqlalchemy import Connection, Executable, event, func, insert, select, text
from sqlalchemy.exc import OperationalError

from limner.audit import writer as writer_module
from limner.audit.event import Event
from limner.audit.events import image_outcome, request_closed
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.canonical import leaf_hash
from limner.database.connection import Database
from limner.database.migration import open_database
from limner.database.tables import events, metadata, outcomes, payloads, texts
from limner.errors import AuditError
from limner.generation import Request
from limner.keys import Keys, open_folder

if TYPE_CHECKING:
    from tests.core.conftest import PostgreSQLServer

SECONDS = 30  # far more than any append takes

NewEvent = Callable[..., Event]
Recorded = Callable[[], list[tuple[int, str]]]


def _text(hash: str) -> Executable:
    return insert(texts).values(hash=hash, kind="pipeline", text=b"")


@pytest.fixture
def own_keys(tmp_path: Path) -> Keys:
    """Keys, where a test makes its own database."""
    return open_folder(tmp_path / "own keys", create=True)


def _texts(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.scalars(select(texts.c.hash)))


@contextmanager
def _one_group(writer: AuditWriter, note: NewEvent) -> Iterator[None]:
    """What is appended meanwhile waits behind one append that takes its time, and is then taken together."""
    started, finish = threading.Event(), threading.Event()

    def take_time(connection: Connection) -> None:
        started.set()
        finish.wait(SECONDS)

    writer.append([note("first")], [take_time])
    started.wait(SECONDS)
    yield
    finish.set()


def test_events_get_consecutive_indexes_and_their_leaf_hashes(database: Database, writer: AuditWriter, note: NewEvent) -> None:
    assert writer.append([note(), note()]).result(SECONDS) == (0, 1)
    assert writer.append([note()]).result(SECONDS) == (2,)
    with database.reading() as connection:
        for row in connection.execute(select(events)).mappings():
            assert row["leaf_hash"] == leaf_hash(row["canonical"])


def test_a_future_is_done_when_its_events_are_durable(database: Database, writer: AuditWriter, note: NewEvent) -> None:
    with database.writing():
        future = writer.append([note()])
        assert not future.done()
    future.result(SECONDS)
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 1


def test_many_threads_write_one_log_each_in_its_own_order(database: Database, writer: AuditWriter, note: NewEvent) -> None:
    def produce(producer: int) -> None:
        futures = [writer.append([note("note", producer=producer, i=i)]) for i in range(50)]
        indexes = [future.result(SECONDS)[0] for future in futures]
        assert indexes == sorted(indexes)

    threads = [threading.Thread(target=produce, args=(producer,)) for producer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert list(connection.scalars(select(events.c.index).order_by(events.c.index))) == list(range(400))


def test_several_processes_write_one_log(database_url: str, database: Database, keys: Keys, note: NewEvent) -> None:
    database.close()  # no connection crosses the fork

    def work() -> None:
        opened = AuditWriter(Database(database_url), keys)
        for future in [opened.append([note(), note()]) for _ in range(40)]:
            first, second = future.result(SECONDS)
            assert second == first + 1
        opened.close()

    assert exit_codes([fork(work) for _ in range(3)]) == [0, 0, 0]
    with database.reading() as connection:
        assert list(connection.scalars(select(events.c.index).order_by(events.c.index))) == list(range(240))


def test_changes_are_made_with_the_events_or_not_at_all(database: Database, writer: AuditWriter, note: NewEvent) -> None:
    def add(connection: Connection) -> None:
        connection.execute(_text("by a function"))

    assert writer.append([note()], [_text("by a statement"), add]).result(SECONDS) == (0,)
    assert _texts(database) == {"by a statement", "by a function"}

    def fail(connection: Connection) -> None:
        connection.execute(_text("never"))
        raise ValueError("no room on the shelf")

    with pytest.raises(AuditError, match="no room on the shelf"):
        writer.append([note()], [fail]).result(SECONDS)
    with pytest.raises(AuditError, match="cannot be recorded"):
        writer.append([note()], [_text("by a statement")]).result(SECONDS)
    assert _texts(database) == {"by a statement", "by a function"}
    assert writer.append([note()]).result(SECONDS) == (1,)


def test_one_that_fails_fails_alone(database: Database, writer: AuditWriter, note: NewEvent) -> None:
    with _one_group(writer, note):
        good = writer.append([note()], [_text("a")])
        bad = writer.append([note(), note()], [_text("b"), _text("b")])
        unrecordable = writer.append([note(value=float("nan"))])
        late = writer.append([note()], [_text("c")])
    assert good.result(SECONDS) == (1,)
    with pytest.raises(AuditError):
        bad.result(SECONDS)
    with pytest.raises(AuditError, match="canonical JSON"):
        unrecordable.result(SECONDS)
    assert late.result(SECONDS) == (2,)
    assert _texts(database) == {"a", "c"}


def test_payloads_are_not_to_be_read_in_the_database(database: Database, writer: AuditWriter) -> None:
    writer.append([Event("decision", "r1", {}, {"evidence": b"secret sword"}, "local:violet")]).result(SECONDS)
    with database.reading() as connection:
        [body] = connection.scalars(select(events.c.canonical))
        assert b"commitments" in body
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert not any(b"sword" in value or b"violet" in value for value in row if isinstance(value, bytes))
                assert not any("sword" in value or "violet" in value for value in row if isinstance(value, str))


def test_each_payload_has_a_key_of_its_own(database: Database, writer: AuditWriter) -> None:
    writer.append([Event("decision", "r1", {}, {"a": b"same", "b": b"same"}, "local:ada")]).result(SECONDS)
    with database.reading() as connection:
        rows = connection.execute(select(payloads.c.wrapped_key, payloads.c.sealed)).all()
    assert len({row.wrapped_key for row in rows}) == len({row.sealed for row in rows}) == 2


def test_an_event_that_is_appended_again_is_recorded_once(writer: AuditWriter, note: NewEvent, recorded: Recorded) -> None:
    event = note()
    assert writer.append([event]).result(SECONDS) == (0,)
    assert writer.append([note()]).result(SECONDS) == (1,)
    assert writer.append([event]).result(SECONDS) == (0,)
    assert len(recorded()) == 2


@pytest.mark.parametrize("went_through", [True, False])
def test_a_commit_without_an_answer_is_tried_again(
    database: Database, keys: Keys, note: NewEvent, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, went_through: bool
) -> None:
    dialect = database.engine.dialect
    commit, answers = dialect.do_commit, iter([False])

    def lose_the_first_answer(connection: object) -> None:
        if next(answers, True):
            return commit(connection)
        (commit if went_through else dialect.do_rollback)(connection)
        raise dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", lose_the_first_answer)
    opened = AuditWriter(database, keys, delays=(0.0,))
    assert opened.append([note(), note()], [_text("a")]).result(SECONDS) == (0, 1)
    opened.close()
    assert recorded() == [(0, "note"), (1, "note")]
    assert _texts(database) == {"a"}


@pytest.mark.parametrize(("from_server", "words"), [(False, b"commit\0"), (True, b"COMMIT\0")])
def test_a_network_that_breaks_at_the_commit_leaves_each_event_recorded_once(
    through: Callable[..., str], own_keys: Keys, note: NewEvent, from_server: bool, words: bytes
) -> None:
    """Once before the server is told, once when it has done it and says so."""
    broken = []

    def passes(is_answer: bool, data: bytes) -> int:
        if is_answer == from_server and words in data and armed and not broken:
            broken.append(True)
            return 0
        return len(data)

    armed: list[bool] = []
    database = Database(through(passes=passes))
    opened = AuditWriter(database, own_keys, delays=(0.0,))
    assert opened.append([note()]).result(SECONDS) == (0,)
    armed.append(True)
    assert opened.append([note(), note()], [_text("a")]).result(SECONDS) == (1, 2)
    assert opened.append([note()]).result(SECONDS) == (3,)
    opened.close()
    assert broken
    with database.reading() as connection:
        assert connection.scalars(select(events.c.index).order_by(events.c.index)).all() == [0, 1, 2, 3]
    database.close()


def test_a_server_that_is_gone_fails_what_waits_and_is_found_again(
    postgresql: PostgreSQLServer, own_keys: Keys, note: NewEvent
) -> None:
    postgresql.empty_the_migrated_one()
    database = Database(postgresql.migrated)
    name = database.url.database
    opened = AuditWriter(database, own_keys, delays=(0.0, 0.0))
    assert opened.append([note()]).result(SECONDS) == (0,)
    postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    with pytest.raises(AuditError, match="the record cannot be written") as caught:
        opened.append([note()]).result(SECONDS)
    assert isinstance(caught.value.__cause__, OperationalError)
    postgresql.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert opened.append([note()]).result(SECONDS) == (1,)
    opened.close()
    database.close()


def test_a_session_that_the_server_ended_is_made_anew(postgresql: PostgreSQLServer, own_keys: Keys, note: NewEvent) -> None:
    postgresql.empty_the_migrated_one()
    database = Database(postgresql.migrated)
    opened = AuditWriter(database, own_keys, delays=(0.0,))
    ended = []

    def end_the_session(connection: Connection) -> None:
        if not ended:
            ended.append(connection.scalar(text("SELECT pg_backend_pid()")))
            postgresql.execute(f"SELECT pg_terminate_backend({ended[0]})")
        connection.execute(_text("a"))

    assert opened.append([note()], [end_the_session]).result(SECONDS) == (0,)
    assert _texts(database) == {"a"}
    opened.close()
    database.close()


def test_a_full_disk_fails_what_waits_and_is_got_over(tmp_path: Path, own_keys: Keys, note: NewEvent) -> None:
    """SQLite then rolls the whole transaction back by itself, savepoints and all: nothing may be left half-written."""
    database = open_database(f"sqlite:///{tmp_path / 'full.db'}")
    pages = {"limit": 60}
    limit = "PRAGMA max_page_count = {limit}"
    event.listen(database.engine, "checkout", lambda connection, *_: connection.execute(limit.format(**pages)))
    opened = AuditWriter(database, own_keys, delays=(0.0,))
    with _one_group(opened, note):
        futures = [opened.append([note(text="x" * size)]) for size in (10, 1_000_000, 10)]
    for future in futures:
        with pytest.raises(AuditError, match="full"):
            future.result(SECONDS)
    pages["limit"] = 100_000
    assert opened.append([note(text="x" * 1_000_000), note()]).result(SECONDS) == (1, 2)
    opened.close()
    database.close()


def test_a_writer_that_dies_leaves_nobody_waiting(
    database: Database, keys: Keys, note: NewEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = AuditWriter(database, keys)
    opened.append([note()]).result(SECONDS)

    def die(*_: object) -> None:
        raise SystemExit("killed")

    monkeypatch.setattr(writer_module, "append_group", die)
    with database.writing():
        futures = [opened.append([note()]) for _ in range(5)]
    for future in futures:
        with pytest.raises(AuditError, match="writer of the record has died"):
            future.result(SECONDS)
    with pytest.raises(AuditError, match="has died"):
        opened.append([note()])
    with pytest.raises(AuditError, match="has died"):
        opened.reserve()
    opened.close()


def test_closing_writes_what_waits_and_refuses_the_rest(
    database: Database, keys: Keys, note: NewEvent, recorded: Recorded
) -> None:
    opened = AuditWriter(database, keys)
    futures = [opened.append([note()]) for _ in range(600)]  # more than one group
    opened.close()
    assert [future.result(0)[0] for future in futures] == list(range(600))
    with pytest.raises(AuditError, match="closed"):
        opened.append([note()])
    opened.close()
    assert len(recorded()) == 600


def test_a_request_needs_a_slot_and_what_was_accepted_needs_none(database: Database, keys: Keys, note: NewEvent) -> None:
    opened = AuditWriter(database, keys, slots=2)
    with opened.reserve():
        with opened.reserve():
            with pytest.raises(AuditError, match="2 requests are under way"):
                opened.reserve()
            opened.append([note()]).result(SECONDS)
        with opened.reserve():
            pass
    opened.close()


def test_a_forked_child_is_told_that_it_has_no_writer(writer: AuditWriter, note: NewEvent) -> None:
    def work() -> None:
        for use in (lambda: writer.append([note()]), writer.reserve, writer.close):
            with pytest.raises(AuditError, match="forked"):
                use()

    assert exit_codes([fork(work)]) == [0]


def test_an_outcome_after_abandoned_is_refused_and_it_alone(
    database: Database, writer: AuditWriter, accept: Callable[..., Request], note: NewEvent
) -> None:
    accept("r1", n=2)
    before = _texts(database)
    writer.append([image_outcome("r1", 0, "abandoned")]).result(SECONDS)
    with _one_group(writer, note):
        late = writer.append([image_outcome("r1", 0, "released")], [_text("its image")])
        other = writer.append([image_outcome("r1", 1, "released")])
    with pytest.raises(Refused, match="'released' comes too late"):
        late.result(SECONDS)
    other.result(SECONDS)
    with database.reading() as connection:
        found = connection.execute(select(outcomes.c.image, outcomes.c.outcome).order_by(outcomes.c.image)).all()
    assert [tuple(row) for row in found] == [(0, "abandoned"), (1, "released")]
    assert _texts(database) == before


@pytest.mark.parametrize(
    ("first", "second", "taken"), [("held", "released", True), ("held", "withheld", True), ("released", "held", False)]
)
def test_only_what_is_held_gets_another_outcome(
    writer: AuditWriter, accept: Callable[..., Request], first: str, second: str, taken: bool
) -> None:
    accept("r1")
    writer.append([image_outcome("r1", 0, first)]).result(SECONDS)  # type: ignore[arg-type]
    again = writer.append([image_outcome("r1", 0, second)])  # type: ignore[arg-type]
    if taken:
        again.result(SECONDS)
    else:
        with pytest.raises(Refused):
            again.result(SECONDS)


def test_a_request_is_closed_once_and_only_if_it_was_accepted(writer: AuditWriter, accept: Callable[..., Request]) -> None:
    accept("r1")
    writer.append([request_closed("r1", ["failed"])]).result(SECONDS)
    for id in ("r1", "r2"):
        with pytest.raises(Refused, match=f"{id} is not open"):
            writer.append([request_closed(id, ["failed"])]).result(SECONDS)
    with pytest.raises(AuditError, match="cannot be recorded"):
        writer.append([image_outcome("r2", 0, "released")]).result(SECONDS)
