from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select, update

import limner.images.store
from limner.audit.events import image_outcome, request_closed
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import images, subjects
from limner.errors import AuditError, UsageError
from limner.generation import EncodedImage
from limner.images.store import ImageStore, StoredImage
from limner.keys import Keys

Keep = Callable[..., StoredImage]


def test_what_is_kept_is_read_back_and_lies_encrypted(
    database: Database, store: ImageStore, accept: Callable[[str], None], keep: Keep, file: EncodedImage, tmp_path: Path
) -> None:
    accept("r1")
    stored = keep("r1")
    assert stored.sha256 == file.sha256
    assert store.read(database, stored.id) == file.data
    [path] = [path for path in (tmp_path / "images").rglob("*") if path.is_file()]
    assert b"PNG" not in path.read_bytes()


def test_a_row_says_what_is_kept(database: Database, accept: Callable[[str], None], keep: Keep, file: EncodedImage) -> None:
    accept("r1")
    accept("r2")
    ids = [keep("r1").id, keep("r2", held=True).id]
    with database.reading() as connection:
        rows = {row["id"]: row for row in connection.execute(select(images)).mappings()}
    assert [rows[id]["state"] for id in ids] == ["released", "held"]
    row = rows[ids[0]]
    assert (row["request_id"], row["image"], row["sha256"], row["pixels_sha256"]) == ("r1", 0, file.sha256, "5" * 64)
    assert (row["format"], row["bytes"]) == ("png", len(file.data))


def test_a_file_whose_outcome_was_not_recorded_is_known_to_nobody(
    database: Database, store: ImageStore, writer: AuditWriter, file: EncodedImage
) -> None:
    stored = store.write(file.data, "local:ada", request_id="r1", index=0, pixels_sha256="")
    with pytest.raises(AuditError):
        writer.append([image_outcome("r1", 0, "released")], stored.changes).result(30)  # r1 was never accepted
    with pytest.raises(UsageError, match="no image"):
        store.read(database, stored.id)
    store.discard(stored)
    assert not stored.path.exists()
    store.discard(stored)


def test_a_sweep_removes_what_crashes_left_and_nothing_else(
    database: Database, store: ImageStore, writer: AuditWriter, accept: Callable[[str], None], keep: Keep, file: EncodedImage
) -> None:
    for id in ("kept", "running", "closed"):
        accept(id)
    kept = keep("kept")
    orphans = {
        id: store.write(file.data, "local:ada", request_id=id, index=0, pixels_sha256="") for id in ("running", "closed")
    }
    unfinished = {id: stored.path.with_name(f".{stored.path.name}.00ff.part") for id, stored in orphans.items()}
    unfinished["kept"] = kept.path.with_name(f".{kept.path.name}.00ff.part")
    for path in unfinished.values():
        path.write_bytes(b"half")
    foreign = kept.path.with_name("README")
    foreign.touch()
    for id in ("kept", "closed"):
        writer.append([request_closed(id, [])]).result(30)
    removed = store.sweep(database)
    assert set(removed) == {orphans["closed"].path, unfinished["closed"], unfinished["kept"]}
    assert not any(path.exists() for path in removed)
    assert foreign.exists()
    assert orphans["running"].path.exists()
    assert store.read(database, kept.id) == file.data
    assert store.sweep(database) == ()


def test_an_erased_image_is_gone_though_its_file_is_still_there(
    database: Database, store: ImageStore, accept: Callable[[str], None], keep: Keep
) -> None:
    accept("r1")
    accept("r2")
    one, other = keep("r1"), keep("r2")
    with database.writing() as connection:
        connection.execute(update(images).where(images.c.id == one.id).values(wrapped_key=None))
    with pytest.raises(AuditError, match="erased"):
        store.read(database, one.id)
    with database.writing() as connection:
        connection.execute(update(subjects).values(wrapped_key=None))
    with pytest.raises(AuditError, match="erased"):
        store.read(database, other.id)


def test_a_file_that_is_lost_altered_or_exchanged_is_not_passed_off(
    database: Database, store: ImageStore, accept: Callable[[str], None], keep: Keep
) -> None:
    accept("r1")
    accept("r2")
    one, other = keep("r1"), keep("r2")
    one.path.write_bytes(other.path.read_bytes())
    with pytest.raises(AuditError, match="damaged"):
        store.read(database, one.id)
    other.path.unlink()
    with pytest.raises(AuditError, match="gone"):
        store.read(database, other.id)


def test_a_full_disk_is_an_audit_error_and_leaves_nothing(
    store: ImageStore, file: EncodedImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store.write(file.data, "local:ada", request_id="r0", index=0, pixels_sha256="")
    before = sorted((tmp_path / "images").rglob("*.*"))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AuditError, match="No space left") as caught:
        store.write(file.data, "local:ada", request_id="r1", index=0, pixels_sha256="")
    assert "room" in caught.value.fix
    assert sorted((tmp_path / "images").rglob("*.*")) == before


@pytest.mark.parametrize("id", ["../escape", "a/b", "", "a.b"])
def test_an_id_that_is_no_name_for_a_file_is_refused(store: ImageStore, file: EncodedImage, id: str) -> None:
    with pytest.raises(ValueError, match="request's id"):
        store.write(file.data, "local:ada", request_id=id, index=0, pixels_sha256="")


def test_no_file_is_written_into_a_folder_that_another_process_has_made_and_not_yet_synced(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, synced = tmp_path / "images", []
    sync = limner.images.store.sync_folder

    def write(store: ImageStore) -> Path:
        return store.write(b"pixels", "local:ada", request_id="r1", index=0, pixels_sha256="5" * 64).path

    def note(folder: Path) -> None:
        if folder == root and not synced:
            synced.append("begun")
            write(ImageStore(root, keys))  # the other process comes while the first one's sync is under way
            synced.append("written")
        sync(folder)
        synced.append(folder.name)

    monkeypatch.setattr(limner.images.store, "sync_folder", note)
    store = ImageStore(root, keys)
    write(store)
    assert synced[: synced.index("written")] == ["begun", "images", tmp_path.name]
    times = len(synced)
    write(store)
    assert len(synced) == times


def test_threads_wait_until_the_folders_are_synced(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    store, going, begun, done = ImageStore(tmp_path / "images", keys), Event(), Event(), []

    def slow(folder: Path) -> None:
        begun.set()
        assert going.wait(30)
        done.append("synced")

    def write() -> None:
        store.write(b"pixels", "local:ada", request_id="r1", index=0, pixels_sha256="5" * 64)
        done.append("written")

    monkeypatch.setattr(limner.images.store, "sync_folder", slow)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write)
        assert begun.wait(30)
        second = threads.submit(write)
        going.set()
        for written in (first, second):
            written.result(30)
    assert done == ["synced", "synced", "written", "written"]
