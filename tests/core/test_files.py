from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from limner.files import create_once, locked, save_atomically, whole_folder


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    save_atomically(path, b"old")
    save_atomically(path, b"new and longer")
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_survives_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.png"
    save_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_atomically(tmp_path / "missing" / "image.png", b"data")
    assert list(tmp_path.iterdir()) == []


def test_the_first_to_create_a_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert create_once(path, b"first", mode=0o600)
    assert not create_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with suppress(ValueError), whole_folder(tmp_path / "new") as draft:
        (draft / "first").touch()
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "new") as draft:
        (draft / "first").touch()
        assert not (tmp_path / "new").exists()
    assert list(tmp_path.rglob("*")) == [tmp_path / "new", tmp_path / "new" / "first"]


def test_a_folder_gets_its_name_when_all_in_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, synced = tmp_path / "new", set[int]()

    def sync(descriptor: int) -> None:
        if not new.exists():
            synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", sync)
    with whole_folder(new) as draft:
        (draft / "below").mkdir()
        (draft / "below" / "file").touch()
    assert synced == {path.stat().st_ino for path in (new, new / "below", new / "below" / "file")}


def test_of_two_who_fill_a_folder_of_one_name_the_first_to_end_wins(tmp_path: Path) -> None:
    def fill_both() -> None:
        with whole_folder(tmp_path / "new") as late, whole_folder(tmp_path / "new") as early:
            (late / "late").touch()
            (early / "early").touch()

    with pytest.raises(OSError, match="not empty"):
        fill_both()
    assert list(tmp_path.rglob("*")) == [tmp_path / "new", tmp_path / "new" / "early"]


def test_one_at_a_time_holds_a_lock_of_any_process_or_thread(tmp_path: Path) -> None:
    holding: list[int] = []

    def change() -> None:
        for _ in range(50):
            with locked(tmp_path / "lock"):
                holding.append(1)
                assert len(holding) == 1
                holding.pop()

    with ThreadPoolExecutor(4) as threads:
        for changing in [threads.submit(change) for _ in range(4)]:
            changing.result()


def test_a_lock_is_let_go_where_its_holder_fails(tmp_path: Path) -> None:
    with suppress(ValueError), locked(tmp_path / "lock"):
        raise ValueError
    with locked(tmp_path / "lock"):
        assert list(tmp_path.iterdir()) == [tmp_path / "lock"]
