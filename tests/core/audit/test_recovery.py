from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from forked import fork_until_killed, kill
from sqlalchemy import func, select

from limner.audit import reading
from limner.audit.events import Pinned, image_outcome, request_accepted, request_closed
from limner.audit.leases import FileLeases, Leases
from limner.audit.recovery import recover
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import events
from limner.generation import Request
from limner.keys import Keys

PINNED = Pinned("a" * 64, "standard", "b" * 64, {}, "c" * 64, {}, lease="")

NewRequest = Callable[..., Request]


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return FileLeases(tmp_path / "leases")


def test_what_a_killed_process_left_open_is_closed_as_abandoned(
    database: Database, database_url: str, keys: Keys, leases: Leases, new_request: NewRequest
) -> None:
    database.close()  # no connection crosses the fork

    def work() -> str:
        pinned = replace(PINNED, lease=leases.acquire().id)
        writer = AuditWriter(Database(database_url), keys)
        writer.append([request_accepted(new_request("done"), pinned)]).result(30)
        writer.append([image_outcome("done", 0, "released"), request_closed("done", ["released"])]).result(30)
        writer.append([request_accepted(new_request("half", n=3), pinned)]).result(30)
        writer.append([image_outcome("half", 1, "released")]).result(30)
        writer.append([request_accepted(new_request("bare", n=2), pinned)]).result(30)
        return "ready"

    child, said = fork_until_killed(work)
    assert said == "ready"
    kill(child)
    writer = AuditWriter(database, keys)
    assert recover(database, writer, leases) == ("half", "bare")
    assert recover(database, writer, leases) == ()
    found = {summary.id: summary for summary in reading.requests(database)}
    assert found["done"].outcomes == ("released",)
    assert found["half"].outcomes == ("abandoned", "released", "abandoned")
    assert found["bare"].outcomes == ("abandoned", "abandoned")
    assert all(summary.closed for summary in found.values())
    assert reading.request(database, keys, "half").events[-1].body["outcomes"] == {"abandoned": 2, "released": 1}
    with pytest.raises(Refused):
        writer.append([image_outcome("bare", 0, "released")]).result(30)
    writer.close()


def test_what_a_living_process_has_open_is_left_alone(
    database: Database, writer: AuditWriter, leases: Leases, new_request: NewRequest
) -> None:
    lease = leases.acquire()
    writer.append([request_accepted(new_request("r1"), replace(PINNED, lease=lease.id))]).result(30)
    assert recover(database, writer, leases) == ()
    lease.release()
    assert recover(database, writer, leases) == ("r1",)


def test_those_who_recover_at_once_close_each_request_once(
    database: Database, database_url: str, keys: Keys, writer: AuditWriter, leases: Leases, new_request: NewRequest
) -> None:
    for number in range(10):
        writer.append([request_accepted(new_request(f"r{number}"), replace(PINNED, lease="dead"))]).result(30)
    other_database = Database(database_url)
    other_writer = AuditWriter(other_database, keys)
    with ThreadPoolExecutor(2) as pool:
        mine = pool.submit(recover, database, writer, leases)
        others = pool.submit(recover, other_database, other_writer, leases)
    assert sorted([*mine.result(), *others.result()]) == sorted(f"r{number}" for number in range(10))
    other_writer.close()
    other_database.close()
    with database.reading() as connection:
        counts = connection.execute(select(events.c.kind, func.count()).group_by(events.c.kind)).all()
    assert {row[0]: row[1] for row in counts} == {"request.accepted": 10, "image.outcome": 10, "request.closed": 10}


def test_an_outcome_that_the_dead_process_still_got_through_is_kept(
    database: Database, writer: AuditWriter, leases: Leases, new_request: NewRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last commit may arrive after recovery has looked, and before it writes."""
    writer.append([request_accepted(new_request("r1", n=2), replace(PINNED, lease="dead"))]).result(30)
    append, late = writer.append, [image_outcome("r1", 0, "released")]

    def append_after_the_late_one(*args):  # type: ignore[no-untyped-def]
        while late:
            append([late.pop()]).result(30)
        return append(*args)

    monkeypatch.setattr(writer, "append", append_after_the_late_one)
    assert recover(database, writer, leases) == ("r1",)
    assert reading.requests(database)[0].outcomes == ("released", "abandoned")
