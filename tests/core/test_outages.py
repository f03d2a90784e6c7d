"""The disk is full, the database is away: requests are refused with a reason, nothing leaves, and it heals without hands."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import house
import pytest
from sqlalchemy import event

import limner.files
from limner.app import App
from limner.audit import reading
from limner.audit.checking import verify_database
from limner.audit.heads import trusted_keys
from limner.errors import AuditError


def outcomes(app: App, prompt: str = "a circle") -> list[str]:
    return [image.outcome for image in app.run(app.request(prompt, n=2, seed=1)).images]


def refusal(app: App, prompt: str) -> AuditError:
    """How a request is refused once the room that is left has been used."""
    for _ in range(20):
        try:
            outcomes(app, prompt)
        except AuditError as error:
            return error
    raise AssertionError("nothing was refused")


def check(app: App) -> None:
    """What is on the record holds, and nothing is open."""
    assert all(summary.closed for summary in reading.requests(app.database))
    app.publisher.close()
    assert verify_database(app.database, app.heads, trusted_keys(app.keys)).findings == []


def test_a_full_disk_refuses_requests_until_it_has_room(tmp_path: Path):
    with house.house(tmp_path) as app:
        assert outcomes(app) == ["released"] * 2
        pages = {"limit": 10}  # far fewer than there are: SQLite then takes what there is for the limit
        limit = "PRAGMA max_page_count = {limit}"
        event.listen(app.database.engine, "begin", lambda connection: connection.exec_driver_sql(limit.format(**pages)))
        refused = refusal(app, "a circle " * 400)
        assert "the record cannot be written: database or disk is full" in refused.what
        assert "its disk has room" in refused.fix
        pages["limit"] = 100_000
        assert outcomes(app) == ["released"] * 2
    with house.house(tmp_path) as app:
        assert app.orchestrator
        check(app)


def test_no_room_for_an_image_file_fails_that_image_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    room = {"files": 1}
    save = limner.files.save_atomically

    def save_while_there_is_room(path: Path, data: bytes) -> None:
        if not room["files"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room["files"] -= 1
        save(path, data)

    monkeypatch.setattr("limner.images.store.save_atomically", save_while_there_is_room)
    with house.house(tmp_path) as app:
        result = app.run(app.request("a circle", n=2, seed=1))
        assert sorted(image.outcome for image in result.images) == ["failed", "released"]
        [failed] = [image for image in result.images if image.outcome == "failed"]
        assert (failed.file, "No space left" in failed.error) == (None, True)
        room["files"] = 10
        assert outcomes(app) == ["released"] * 2
        check(app)


def test_a_database_that_goes_away_refuses_requests_until_it_is_back(tmp_path: Path, through: Callable[..., str]):
    up = Event()
    up.set()

    def passes(from_server: bool, data: bytes) -> int:
        return len(data) if up.is_set() else 0

    with house.house(tmp_path, database_url=through(passes=passes)) as app:
        app.writer._delays = (0.0,)
        assert outcomes(app) == ["released"] * 2
        up.clear()
        for _ in range(2):
            with pytest.raises(AuditError, match=r"database does not answer|record cannot be written"):
                outcomes(app)
        up.set()
        assert outcomes(app) == ["released"] * 2
        summaries = reading.requests(app.database)
        leases = {reading.request(app.database, app.keys, one.id).events[0].body["lease"] for one in summaries}
        assert (len(summaries), len(leases)) == (2, 2)
        assert all(app.leases.is_held(lease) for lease in leases - {min(leases, key=app.leases.is_held)})
        check(app)


def test_a_database_that_goes_away_midway_lets_nothing_out(tmp_path: Path, through: Callable[..., str], monkeypatch):
    up = Event()
    up.set()
    finish = house.Draw.finish

    def finish_and_cut(self, state):  # type: ignore[no-untyped-def]
        up.clear()
        return finish(self, state)

    monkeypatch.setattr(house.Draw, "finish", finish_and_cut)
    url = through(passes=lambda from_server, data: len(data) if up.is_set() else 0)
    with house.house(tmp_path, database_url=url) as app:
        app.writer._delays = (0.0,)
        try:
            images = app.run(app.request("a circle", n=2, seed=1)).images
        except AuditError:
            images = ()
        assert all(image.file is None and image.outcome == "failed" for image in images)
        up.set()
    monkeypatch.undo()
    with house.house(tmp_path, database_url=url) as app:
        assert app.orchestrator
        [summary] = reading.requests(app.database)
        assert (summary.closed, "released" in summary.outcomes) == (True, False)
        assert outcomes(app) == ["released"] * 2
        check(app)
