"""A project's state copied, put back, and told to forget again what it forgot meanwhile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import house
import pytest
from sqlalchemy import select

from limner import restoring
from limner.app import App, local_caller
from limner.audit import reading
from limner.audit.checking import verify_database
from limner.audit.erasing import Erasable, erase
from limner.audit.event import Event
from limner.audit.heads import trusted_keys
from limner.audit.legal_holds import in_force, lift, place
from limner.audit.outside import HeadFolder
from limner.audit.publishing import leaves_since
from limner.audit.scope import Kind, find_scope
from limner.audit.standing import Refused
from limner.backup import aside, back_up, first_of, put_back
from limner.database.migration import open_database
from limner.database.tables import images
from limner.database.timestamp import after
from limner.deny import add as deny
from limner.deny import listed
from limner.deny import remove as undeny
from limner.errors import AuditError, ConfigurationError, UsageError
from limner.generation import Caller
from limner.pending_restore import PendingRestore
from limner.restoring import Later, Repeated
from limner.review import find, matching, recall


def made(app: App, prompt: str = "a circle", who: str = "") -> str:
    request = app.request(prompt, seed=5, caller=Caller(who, "local") if who else None)
    app.run(request)
    return request.id


def forget(app: App, kind: Kind, name: str) -> Erasable:
    with app.database.reading() as connection:
        scope = find_scope(connection, app.keys, kind, name)
    return erase(app.database, app.writer, scope, actor="x", reason="asked for", forget=app.images.forget)


def image_of(app: App, request_id: str) -> str:
    with app.database.reading() as connection:
        return str(connection.scalar(select(images.c.id).where(images.c.request_id == request_id)))


def told_again(app: App, told: Later, head: str = "") -> Repeated:
    return restoring.repeat(app.database, app.writer, told, actor="x", replaced_head=head, forget=app.images.forget)


def verifies(app: App) -> bool:
    return verify_database(app.database, app.heads, trusted_keys(app.keys)).ok


def test_a_restored_copy_is_whole_and_forgets_again(tmp_path: Path):
    project, backup = tmp_path / "project", tmp_path / "backup"
    project.mkdir()
    with house.house(project) as app:
        kept, erased, held = made(app), made(app), made(app)
        with app.database.reading() as connection:
            hold = place(app.writer, find_scope(connection, app.keys, "request", held), "x", "a dispute")
        count = back_up(app.database, app.project.state, backup)
        forget(app, "request", erased)
        lift(app.writer, hold, "x", "settled")
        forget(app, "image", image_of(app, held))
        later = made(app)
        told = restoring.later(app.database)
        head = app.heads.newest()
    assert (count, head is not None) == (json.loads((backup / "backup.json").read_text())["events"], True)
    assert not [*backup.rglob("*.key"), *backup.rglob("*.pem")]
    with house.house(project) as app:
        replaced = put_back(backup, app.project.state, app.project.database_url)
    assert (replaced / "limner.db").is_file()
    with house.house(project) as app:
        note = head.note if head else ""
        assert told_again(app, told, note) == Repeated(erasures=2, legal_holds=1)
        assert app.images.read(app.database, image_of(app, kept))
        for request in (erased, held):
            with pytest.raises(AuditError, match="erased"):
                app.images.read(app.database, image_of(app, request))
        assert reading.request(app.database, app.keys, erased).events[0].payloads["prompt"].state == "erased"
        with pytest.raises(UsageError):
            reading.request(app.database, app.keys, later)
        assert told_again(app, told) == Repeated()
        made(app)
    with house.house(project) as app:
        assert verifies(app)


def test_the_heads_of_a_backup_are_those_of_one_moment_though_others_come_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with house.house(tmp_path) as app:
        made(app)
        publish_head(app)
        publisher = Thread(target=publish_head, args=[app])

        def copy(source: str, target: str) -> None:
            copied(source, target)
            if "heads" in Path(source).parts and not publisher.ident:
                app.writer.append([Event("note", "", {})]).result()
                publisher.start()
                publisher.join(0.2)  # until a head is published, unless it has to wait

        copied = shutil.copyfile
        monkeypatch.setattr("limner.backup.shutil.copyfile", copy)
        count = back_up(app.database, app.project.state, tmp_path / "backup")
        publisher.join()
        heads, now = HeadFolder(tmp_path / "backup" / "heads"), app.heads.newest()
    newest = heads.newest()
    assert newest is not None
    assert now is not None
    assert newest == heads.history()[-1]
    assert newest.size == len(heads.hashes()) < now.size <= count


def publish_head(app: App) -> None:
    """As any process does: with a folder of its own."""
    HeadFolder(app.project.state / "heads").publish(app.keys, lambda size: leaves_since(app.database, size))


def test_an_image_that_is_erased_while_a_backup_is_made_is_erased_in_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with house.house(tmp_path) as app:
        kept, erased = made(app), made(app)

        def copy(source: str, target: str) -> None:
            if image_of(app, erased) in source:
                forget(app, "request", erased)
            copied(source, target)

        copied = shutil.copyfile
        with monkeypatch.context() as patched:
            patched.setattr("limner.backup.shutil.copyfile", copy)
            back_up(app.database, app.project.state, tmp_path / "backup")
        told = restoring.later(app.database)
    put_back(tmp_path / "backup", app.project.state, app.project.database_url)
    with house.house(tmp_path) as app:
        assert told_again(app, told) == Repeated(erasures=1)
        assert app.images.read(app.database, image_of(app, kept))
        with pytest.raises(AuditError, match="erased"):
            app.images.read(app.database, image_of(app, erased))


def test_another_backup_to_the_same_folder_that_fails_does_this_one_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with house.house(tmp_path) as app:
        made(app)
        copies: list[str] = []

        def copy(source: str, target: str) -> None:
            if "images" in Path(source).parts:
                copies.append(source)
                if len(copies) == 2:
                    raise OSError("no room")
                with pytest.raises(AuditError, match="no room"):
                    back_up(app.database, app.project.state, tmp_path / "backup")
            copied(source, target)

        copied = shutil.copyfile
        publish_head(app)
        monkeypatch.setattr("limner.backup.shutil.copyfile", copy)
        back_up(app.database, app.project.state, tmp_path / "backup")
    assert {path.name for path in (tmp_path / "backup").iterdir()} == {"backup.json", "heads", "images", "limner.db"}
    assert not list(tmp_path.glob(".backup*"))


def test_what_was_recalled_after_a_backup_is_recalled_again(tmp_path: Path):
    project, backup = tmp_path / "project", tmp_path / "backup"
    project.mkdir()
    with house.house(project) as app:
        kept, called_back = made(app), made(app)
        back_up(app.database, app.project.state, backup)
        recall(app.writer, matching(app.database, [called_back]), actor="x", reason="a likeness")
        recall(app.writer, matching(app.database, [made(app)]), actor="x", reason="later than the backup")
        told = restoring.later(app.database)
    with house.house(project) as app:
        put_back(backup, app.project.state, app.project.database_url)
    with house.house(project) as app:
        assert told_again(app, told) == Repeated(recalls=1)
        assert app.images.read(app.database, image_of(app, kept))
        with pytest.raises(UsageError, match="recalled, and is not given out"):
            app.images.read(app.database, image_of(app, called_back))
        assert told_again(app, told) == Repeated()


def test_the_deny_list_and_the_legal_holds_stand_as_on_the_record_that_is_replaced(
    tmp_path: Path, database_url: str, postgresql
):
    project, backup = tmp_path / "project", tmp_path / "backup"
    project.mkdir()
    with house.house(project, database_url=database_url) as app:
        disputed = made(app)
        before = deny(app.writer, "term", "red kite", actor="x", reason="a campaign")
        back_up(app.database, app.project.state, backup)
        undeny(app.writer, app.database, before.id, actor="x", reason="it is over")
        kept = deny(app.writer, "term", "blue kite", actor="x", reason="another", expires=after(9))
        gone = deny(app.writer, "subject", app.keys.lookup("local:eve"), actor="x", reason="abuse")
        undeny(app.writer, app.database, gone.id, actor="x", reason="a mistake")
        with app.database.reading() as connection:
            place(app.writer, find_scope(connection, app.keys, "request", disputed), "x", "a dispute")
        app.run(app.request("a square", seed=5, caller=Caller("local:new", "local")))
        with app.database.reading() as connection:
            twice = place(app.writer, find_scope(connection, app.keys, "request", disputed), "x", "the same again")
            place(app.writer, find_scope(connection, app.keys, "subject", "local:new"), "x", "another dispute")
        lift(app.writer, twice, "x", "once is enough")
        told, stood = restoring.later(app.database), (listed(app.database), in_force(app.database))
    if database_url.startswith("postgresql"):
        postgresql.empty_the_migrated_one()
    put_back(backup, project / ".limner", database_url)
    with house.house(project, database_url=database_url) as app:
        assert [denial.value for denial in listed(app.database)] == ["red kite"]
        assert told_again(app, told) == Repeated(denials=4, legal_holds=4)
        assert told_again(app, told) == Repeated()
        [denial] = listed(app.database)
        assert (denial.id, denial.value, denial.expires) == (kept.id, "blue kite", kept.expires)
        assert [(hold.id, hold.target) for hold in in_force(app.database)] == [(hold.id, hold.target) for hold in stood[1]]
        assert app.run(app.request("a blue kite")).images[0].outcome == "withheld"
        drawn = app.request("a circle", seed=5, caller=Caller("local:new", "local"))
        app.run(drawn)
        for request, hold in ((disputed, stood[1][0]), (drawn.id, stood[1][1])):
            assert forget(app, "request", request) == Erasable((), (), kept_by=(hold.id,))
    with house.house(project, database_url=database_url) as app:
        assert verifies(app)


@pytest.mark.parametrize("by_id", [True, False])
def test_what_another_history_has_in_the_place_of_what_was_erased_is_kept(
    tmp_path: Path, database_url: str, postgresql, by_id: bool
):
    def restored(backup: str) -> App:
        if database_url.startswith("postgresql"):
            postgresql.empty_the_migrated_one()
        put_back(tmp_path / backup, project / ".limner", database_url)
        return house.house(project, database_url=database_url)

    project = tmp_path / "project"
    project.mkdir()
    with house.house(project, database_url=database_url) as app:
        both = made(app)
        back_up(app.database, app.project.state, tmp_path / "first")
        app.writer.append([Event("note", "", {})]).result()  # where the other history has its restore
        kept = [made(app, who="local:bob") for _ in range(2)]
        back_up(app.database, app.project.state, tmp_path / "second")
    with restored("first") as app:
        told_again(app, Later())
        for erased in (both, *(made(app, who="local:ann") for _ in range(2))):
            forget(app, "request", erased)
        told = restoring.later(app.database)
    if not by_id:  # as erasures were told of before
        told = Later(tuple(replace(one, body={**one.body, "payloads": indexes(one.body)}) for one in told.events))
    with restored("second") as app:
        assert told_again(app, told) == Repeated(erasures=3)
        for request, state in ((both, "erased"), *((one, "open") for one in kept)):
            events = reading.request(app.database, app.keys, request).events
            assert {payload.state for event in events for payload in event.payloads.values()} == {state}


def indexes(body: Mapping[str, Any]) -> list[list[object]]:
    return [payload[:2] for payload in body["payloads"]]


def test_an_image_that_was_released_and_recalled_after_a_backup_is_not_released_again(
    tmp_path: Path, database_url: str, postgresql
):
    project = tmp_path / "project"
    project.mkdir()
    with house.house(project, database_url=database_url) as app:
        asked = made(app, "dim field")
        [held] = find(app.database, asked)
        back_up(app.database, app.project.state, tmp_path / "backup")
        app.desk.release(held, actor="local:rev", reason="dusk")
        recall(app.writer, matching(app.database, [asked]), actor="x", reason="a likeness")
        told = restoring.later(app.database)
    if database_url.startswith("postgresql"):
        postgresql.empty_the_migrated_one()
    put_back(tmp_path / "backup", project / ".limner", database_url)
    with house.house(project, database_url=database_url) as app:
        assert told_again(app, told) == Repeated(recalls=1)
        [again] = restoring.later(app.database).events
        assert (again.kind, again.origin, again.body["reason"]) == ("image.recalled", told.events[0].id, "a likeness")
        [held] = find(app.database, asked)
        with pytest.raises(Refused, match="recalled meanwhile"):
            app.desk.release(held, actor="local:rev", reason="dusk")
        with pytest.raises(UsageError, match="recalled, and is not given out"):
            app.images.read(app.database, held.image_id)
        assert told_again(app, told) == Repeated()
        app.desk.withhold(held, actor="local:rev", reason="it was recalled")
        assert verifies(app)


@pytest.mark.parametrize("comings", [0, 2])
def test_a_legal_hold_on_whoever_restores_covers_them(tmp_path: Path, comings: int):
    project = tmp_path / "project"
    project.mkdir()
    with house.house(project) as app:
        recalled = made(app)
        if comings:
            made(app, who="x")
        back_up(app.database, app.project.state, tmp_path / "backup")
        for _ in range(comings):  # erased, and come again, under another pseudonym
            forget(app, "subject", "x")
            made(app, who="x")
        recall(app.writer, matching(app.database, [recalled]), actor="x", reason="a likeness")
        with app.database.reading() as connection:
            hold = place(app.writer, find_scope(connection, app.keys, "subject", "x"), "x", "a dispute")
        told = restoring.later(app.database)
    put_back(tmp_path / "backup", project / ".limner", f"sqlite:///{project / '.limner' / 'limner.db'}")
    with house.house(project) as app:
        assert told_again(app, told) == Repeated(erasures=comings, recalls=1, legal_holds=1)
        made(app, who="x")
        assert forget(app, "subject", "x").kept_by == (hold,)


def test_a_record_that_cannot_be_read_is_not_replaced_unasked(tmp_path: Path):
    with house.house(tmp_path) as app:
        deny(app.writer, "term", "red kite", actor="x", reason="a campaign")
        with app.database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER events_no_update")
            connection.exec_driver_sql("UPDATE events SET canonical = X'00' WHERE kind = 'deny.added'")
        with pytest.raises(AuditError, match="record that is replaced cannot be read"):
            restoring.later(app.database)


def test_only_the_record_that_was_backed_up_is_asked_what_was_done_since(tmp_path: Path, database_url: str):
    project, other, backup = (tmp_path / name for name in ("project", "other", "backup"))
    for folder in (project, other):
        folder.mkdir()
    with house.house(project) as app:
        forget(app, "request", made(app))
        back_up(app.database, app.project.state, backup)
        own = app.project.database_url
    first = first_of(backup)
    assert len(restoring.ask(own, first).events) == 1
    with closing(open_database(database_url)), pytest.raises(UsageError, match="does not hold the record that was backed up"):
        restoring.ask(database_url, first)
    with pytest.raises(UsageError, match="does not hold the record"):
        restoring.ask(database_url, "")
    with house.house(other, database_url=database_url) as app:
        forget(app, "request", made(app))
    with pytest.raises(UsageError, match="does not hold the record"):
        restoring.ask(database_url, first)
    assert len(restoring.ask(database_url, "").events) == 1  # a backup that does not tell how its record begins
    for wrong, said in ((f"sqlite:///{tmp_path / 'no' / 'such.db'}", "no record to ask"), ("nonsense", "no URL of a database")):
        with pytest.raises(UsageError, match=said):
            restoring.ask(wrong, first)
    assert not (tmp_path / "no").exists()


def test_a_record_moves_through_a_backup_between_the_databases(tmp_path: Path, database_url: str, postgresql):
    project = tmp_path / "project"
    project.mkdir()
    with house.house(project, database_url=database_url) as app:
        id = made(app)
        back_up(app.database, app.project.state, tmp_path / "backup")
    if database_url.startswith("postgresql"):
        with pytest.raises(ConfigurationError, match="a record in it already"):
            put_back(tmp_path / "backup", project / ".limner", database_url)
        postgresql.empty_the_migrated_one()
    put_back(tmp_path / "backup", project / ".limner", database_url)
    with house.house(project, database_url=database_url) as app:
        assert reading.request(app.database, app.keys, id).events[0].payloads["prompt"].value == "a circle"
        assert app.images.read(app.database, image_of(app, id))
        made(app)
    with house.house(project, database_url=database_url) as app:
        assert verifies(app)


def dying(method: str, countdown: Iterator[int]) -> Callable[[Path, Path], Path]:
    """A move of `Path`, before which the process dies when the countdown is over."""
    move = getattr(Path, method)

    def moved(path: Path, target: Path) -> Path:
        if next(countdown, 0) == 1:
            raise KeyboardInterrupt
        return Path(move(path, target))

    return moved


def test_a_restore_that_dies_before_any_of_its_moves_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project, backup, left = (tmp_path / name for name in ("project", "backup", "left"))
    project.mkdir()
    with house.house(project) as app:
        kept = made(app)
        back_up(app.database, app.project.state, backup)
        later = made(app)
        shutil.copytree(project / ".limner", left)  # with a write-ahead log, as a process that dies leaves it
    assert (left / "limner.db-wal").stat().st_size
    for moves in range(1, 20):
        state = tmp_path / str(moves)
        shutil.copytree(left, state)
        url, replaced, countdown = f"sqlite:///{state / 'limner.db'}", aside(state), iter(range(moves, 0, -1))
        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            for method in ("rename", "replace"):
                patched.setattr(Path, method, dying(method, countdown))
            put_back(backup, state, url, replaced=replaced)
        put_back(backup, state, url, replaced=replaced)
        for folder, requests in ((state, [kept]), (replaced, [later, kept])):
            with closing(open_database(f"sqlite:///{folder / 'limner.db'}")) as database:
                assert sorted(one.id for one in reading.requests(database)) == sorted(requests)
            assert len([*(folder / "images").glob("??/*")]) == len(requests)
            assert (folder / "heads" / "checkpoint").is_file()
        if next(countdown, 0):
            break  # it had no move left to die before
    assert moves > 5


def test_what_a_restore_has_yet_to_do_is_read_back_as_it_was_written(tmp_path: Path):
    with house.house(tmp_path) as app:
        made(app)
        with app.database.reading() as connection:
            place(app.writer, find_scope(connection, app.keys, "subject", local_caller().subject), "x", "a dispute")
        later = restoring.later(app.database)
    assert later.subjects
    pending, path = PendingRestore("backup", "replaced", "head", True, later), tmp_path / "pending"
    assert PendingRestore.read(path) is None
    pending.save(path)
    assert PendingRestore.read(path) == pending
    path.write_text("{}")
    with pytest.raises(AuditError, match="cannot be read"):
        PendingRestore.read(path)


def test_what_is_no_backup_is_refused_and_changes_nothing(tmp_path: Path):
    with house.house(tmp_path) as app:
        made(app)
        with pytest.raises(UsageError, match="no backup"):
            put_back(tmp_path / "policies", app.project.state, app.project.database_url)
        (tmp_path / "there").mkdir()
        with pytest.raises(UsageError, match="something already"):
            back_up(app.database, app.project.state, tmp_path / "there")
        assert verifies(app)


def test_a_file_that_cannot_be_copied_is_named_and_nothing_is_left_half_done(tmp_path: Path):
    project, backup = tmp_path / "project", tmp_path / "backup"
    project.mkdir()
    with house.house(project) as app:
        made(app)
    state = project / ".limner"
    with house.house(project) as app:
        (state / "images" / "lost").symlink_to("nowhere")
        with pytest.raises(AuditError, match=r"the backup cannot be made: .*images/lost"):
            back_up(app.database, state, backup)
        assert not [path for path in tmp_path.iterdir() if path != project]
        (state / "images" / "lost").unlink()
        back_up(app.database, state, backup)
        before = {path.name for path in state.iterdir()}
    for spoilt in ("images/lost", "limner.db"):
        (backup / spoilt).unlink(missing_ok=True)
        (backup / spoilt).symlink_to("nowhere")
        with pytest.raises(AuditError, match=f"the backup cannot be put back: .*{spoilt}"):
            put_back(backup, state, f"sqlite:///{state / 'limner.db'}")
        (backup / spoilt).unlink()
        assert {path.name for path in state.iterdir()} | {"limner.db-shm", "limner.db-wal"} == before
    with house.house(project) as app:
        assert verifies(app)


def test_an_sqlite_backup_can_be_read_as_a_database(tmp_path: Path):
    with house.house(tmp_path) as app:
        id = made(app)
        back_up(app.database, app.project.state, tmp_path / "backup")
        with closing(open_database(f"sqlite:///{tmp_path / 'backup' / 'limner.db'}")) as copy:
            assert [one.id for one in reading.requests(copy)] == [id]
