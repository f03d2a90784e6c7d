from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from forked import fork_until_killed, kill
from sqlalchemy import text

from limner.audit.leases import FileLeases, Leases, SessionLeases, leases_of
from limner.database.connection import Database


@pytest.fixture
def leases(database: Database, tmp_path: Path) -> Leases:
    return leases_of(database, tmp_path / "state")


def test_leases_are_files_beside_sqlite_and_sessions_in_postgresql(leases: Leases, database: Database) -> None:
    assert isinstance(leases, SessionLeases if database.dialect == "postgresql" else FileLeases)


def test_a_lease_is_held_until_it_is_released(leases: Leases) -> None:
    one, other = leases.acquire(), leases.acquire()
    assert one.id != other.id
    assert leases.is_held(one.id)
    assert leases.is_held(other.id)
    one.release()
    assert not leases.is_held(one.id)
    assert leases.is_held(other.id)
    other.release()


def test_a_lease_that_never_was_is_not_held(leases: Leases) -> None:
    assert not leases.is_held("0123abc")
    assert not leases.is_held("../../etc/passwd")


def test_a_lease_dies_with_its_process(leases: Leases, database: Database, database_url: str, tmp_path: Path) -> None:
    database.close()  # no connection crosses the fork
    kept = []

    def acquire() -> str:
        kept.append(leases_of(Database(database_url), tmp_path / "state").acquire())
        return kept[0].id

    child, id = fork_until_killed(acquire)
    assert leases.is_held(id)
    kill(child)
    if isinstance(leases, SessionLeases):
        _wait_for_the_server_to_notice(database)
    assert not leases.is_held(id)


def _wait_for_the_server_to_notice(database: Database) -> None:
    """Take the lock that the dead session had, and so wait for it."""
    with database.reading() as connection:
        connection.execute(text("SET lock_timeout = '30s'"))
        query = "SELECT pg_advisory_xact_lock(classid::bigint << 32 | objid::bigint) FROM pg_locks WHERE locktype = 'advisory'"
        connection.execute(text(query))


def test_a_lease_keeps_no_transaction_open(leases: Leases, database: Database) -> None:
    """A server may end sessions that do, and the lease with them."""
    with database.reading():
        pass  # so that there is a pooled connection, to be tried before it is used again
    lease = leases.acquire()
    if database.dialect == "postgresql":
        with database.reading() as connection:
            query = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            clients = f"{query} AND backend_type = 'client backend'"  # else the server's own vacuuming is seen
            assert set(connection.scalars(text(clients))) == {"idle"}
    assert leases.is_held(lease.id)
    lease.release()


def test_files_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    leases = FileLeases(tmp_path)
    living = leases.acquire()
    (tmp_path / "dead").touch()
    another = leases.acquire()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.id, another.id])
    assert leases.is_held(living.id)
    living.release()
    another.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_that_is_taken_for_dead_while_it_is_made_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of its file and the lock on it, another process may find the file unlocked and remove it."""
    lock, removed = fcntl.flock, []

    def remove_first(descriptor: int, kind: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    leases = FileLeases(tmp_path)
    lease = leases.acquire()
    assert lease.id != removed[0].name
    assert leases.is_held(lease.id)
    lease.release()
