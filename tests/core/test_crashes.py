"""Generating processes die by kill -9 wherever it could hurt; what is left must be true, and heal without hands."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import house
import pytest
import torch
from forked import exit_codes, fork
from sqlalchemy import select

import limner.audit.erasing
import limner.audit.outside
import limner.audit.recovery
import limner.audit.writer
import limner.files
import limner.images.store
import limner.orchestrator
from limner.app import App
from limner.audit.checking import verify_database
from limner.audit.erasing import erase
from limner.audit.heads import trusted_keys
from limner.audit.outside import HeadFolder
from limner.audit.scope import find_scope
from limner.database.migration import open_database
from limner.database.subjects import open_keys
from limner.database.tables import images, outcomes, requests
from limner.errors import AuditError
from limner.images.store import ImageStore
from limner.result import ImageResult, Watcher

PROMPTS = ("a circle", "dim circle", "bad circle", "break a circle")
SUBJECT = "local:ada"
Patch = Callable[["Death"], None]


class Death:
    """Kills this process at the so-many-th time that a point is passed."""

    def __init__(self, times: int, mark: Path) -> None:
        self._left, self._mark = times, mark

    def here(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, name: str) -> None:
        self._wrap(owner, name, before=True)

    def after(self, owner: Any, name: str) -> None:
        self._wrap(owner, name, before=False)

    def _wrap(self, owner: Any, name: str, *, before: bool) -> None:
        wrapped = getattr(owner, name)

        def passing(*args: Any, **named: Any) -> Any:
            if before:
                self.here()
            result = wrapped(*args, **named)
            if not before:
                self.here()
            return result

        setattr(owner, name, passing)


def half_a_file(death: Death) -> None:
    whole = limner.files.save_atomically

    def half(path: Path, data: bytes) -> None:
        path.with_name(f".{path.name}.0123456789abcdef.part").write_bytes(data[: len(data) // 2])
        death.here()
        whole(path, data)

    limner.images.store.save_atomically = half  # type: ignore[attr-defined]


POINTS: dict[str, Patch] = {
    "an event handed over": lambda death: death.before(limner.audit.writer, "append_group"),
    "written, not committed": lambda death: death.after(limner.audit.writer, "append_group"),
    "committed, nobody told": lambda death: death.after(limner.audit.writer.AuditWriter, "_commit"),
    "denoising": lambda death: death.before(house.Draw, "advance"),
    "half an image file": half_a_file,
    "an image file without a row": lambda death: death.after(limner.images.store, "save_atomically"),
    "released": lambda death: death.after(Watcher, "ended"),
    "about to publish a head": lambda death: death.before(limner.audit.outside.HeadFolder, "_add_hashes"),
    "half a head": lambda death: death.before(limner.audit.outside.HeadFolder, "_write"),
    "recovering": lambda death: death.after(limner.audit.recovery, "_close"),
    "sweeping": lambda death: death.before(limner.images.store.ImageStore, "sweep"),
    "erased, files left": lambda death: death.before(limner.images.store.ImageStore, "forget"),
}


PASSED = {"recovering": 1, "sweeping": 1, "erased, files left": 1, "about to publish a head": 2, "half a head": 2}
"""How often a life is sure to pass a point; heads come by the clock, but one at the first commit and one at the end."""


class Deliveries(Watcher):
    """Notes each image that leaves, in a file for each, as a caller elsewhere would have it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ended(self, image: ImageResult) -> None:
        if image.file is not None:
            (self._folder / image.file.sha256).touch()
        super().ended(image)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for the project, and in it one for what was delivered."""
    (tmp_path / "delivered").mkdir()
    return tmp_path


def live(place: Path, url: str, prepare: Callable[[], None] = lambda: None) -> None:
    """The life of one process: it starts, recovers, serves some requests and erases one."""
    torch.set_num_threads(1)
    prepare()
    with house.house(place, database_url=url) as app:
        for number, prompt in enumerate(PROMPTS):
            app.run(app.request(prompt, n=2, seed=number), Deliveries(place / "delivered"))
        erase_one(app)


def erase_one(app: App) -> None:
    with app.database.reading() as connection:
        released = select(images.c.id).where(images.c.state == "released").order_by(images.c.id)
        scope = find_scope(connection, app.keys, "image", str(connection.scalar(released)))
    erase(app.database, app.writer, scope, actor=SUBJECT, reason="asked for", forget=app.images.forget)


def start_again(place: Path, url: str) -> None:
    """A new process, which has nothing to do but what is left to do."""
    with house.house(place, database_url=url) as app:
        assert app.orchestrator


def leases_are_seen_as_dead(place: Path, url: str) -> None:
    """PostgreSQL may notice a dead session a moment later; each start closes what it can."""
    with closing(open_database(url)) as database:
        for _ in range(100):
            with database.reading() as connection:
                if not connection.scalars(select(requests.c.id).where(requests.c.closed.is_(None))).all():
                    return
            assert exit_codes([fork(lambda: start_again(place, url))]) == [0]
    raise AssertionError("a request stays open")


def check(place: Path, url: str) -> None:
    """What must hold whatever happened."""
    leases_are_seen_as_dead(place, url)
    with closing(open_database(url)) as database:
        keys = open_keys(place / ".limner" / "keys", database)
        with database.reading() as connection:
            released = outcomes.c.outcome == "released"
            found = select(images.c.sha256, outcomes.c.outcome).where(
                images.c.request_id == outcomes.c.request_id, images.c.image == outcomes.c.image, released
            )
            on_record = {row.sha256 for row in connection.execute(found)}
            kept = {row.id: row for row in connection.execute(select(images))}
            unfinished = connection.execute(
                select(requests.c.id, requests.c.n).where(~requests.c.id.in_(select(outcomes.c.request_id)))
            ).all()
        assert {path.name for path in (place / "delivered").iterdir()} <= on_record
        assert unfinished == []
        files = {path.name.rpartition(".")[2] for path in (place / ".limner" / "images").glob("*/*")}
        assert files == {id for id, row in kept.items() if row.wrapped_key}
        store = ImageStore(place / ".limner" / "images", keys)
        for id, row in kept.items():
            if row.wrapped_key:
                assert len(store.read(database, id, as_reviewer=True)) == row.bytes
            else:
                with pytest.raises(AuditError, match="erased"):
                    store.read(database, id)
        report = verify_database(database, HeadFolder(place / ".limner" / "heads"), trusted_keys(keys))
        assert report.findings == []


def die_at(place: Path, url: str, point: str, times: int) -> None:
    mark = place / "died"
    mark.unlink(missing_ok=True)
    [code] = exit_codes([fork(lambda: live(place, url, lambda: POINTS[point](Death(times, mark))))])
    assert (code, mark.exists()) == (-signal.SIGKILL, True), f"{point} was not passed {times} times"
    if point != "recovering":  # that needs something to recover
        exit_codes([fork(lambda: start_again(place, url))])
        check(place, url)


def test_a_process_may_die_anywhere(place: Path, database_url: str):
    """Once at each point, on both databases."""
    for point in POINTS:
        if point == "recovering":
            assert exit_codes([fork(lambda: live(place, database_url, lambda: POINTS["denoising"](Death(1, place / "died"))))])
        die_at(place, database_url, point, 1)
    exit_codes([fork(lambda: start_again(place, database_url))])
    check(place, database_url)


@pytest.mark.slow
def test_processes_die_at_every_point_again_and_again(place: Path, database_url: str):
    """Thirty deaths and more on each database, over one growing record."""
    for times in (2, 3, 4):
        for point in POINTS:
            if point == "recovering":
                for _ in range(2):
                    exit_codes([fork(lambda: live(place, database_url, lambda: POINTS["denoising"](Death(1, place / "died"))))])
            die_at(place, database_url, point, min(times, PASSED.get(point, times)))
    exit_codes([fork(lambda: start_again(place, database_url))])
    check(place, database_url)
