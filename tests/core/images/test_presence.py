"""Kept images whose files are gone or damaged are found, on every page of them."""

from __future__ import annotations

from collections.abc import Callable
from errno import EACCES, EIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from limner.database.connection import Database
from limner.database.tables import images, subjects
from limner.errors import AuditError
from limner.images import presence
from limner.images.presence import check_files
from limner.images.store import ImageStore, StoredImage

Keep = Callable[..., StoredImage]


@pytest.fixture
def kept(accept: Callable[[str], None], keep: Keep) -> list[StoredImage]:
    """Five images, the last of them held."""
    for number in range(5):
        accept(f"r{number}")
    return [keep(f"r{number}", held=number == 4) for number in range(5)]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "PAGE", 2)


@pytest.mark.usefixtures("small_pages")
def test_what_is_gone_or_of_another_size_is_found_without_a_key_and_the_rest_by_reading(
    database: Database, store: ImageStore, tmp_path: Path, kept: list[StoredImage]
) -> None:
    root, (gone, cut, altered, *_) = tmp_path / "images", kept
    assert check_files(database, root, store) == presence.Presence(5, ())
    gone.path.unlink()
    cut.path.write_bytes(cut.path.read_bytes()[:-1])
    altered.path.write_bytes(altered.path.read_bytes()[:-1] + b"x")
    found = check_files(database, root)
    assert found.kept == 5
    assert [(lost.id, lost.request_id, lost.loss) for lost in found.lost] == [
        (gone.id, "r0", "gone"),
        (cut.id, "r1", "damaged"),
    ]
    assert [lost.id for lost in check_files(database, root, store).lost] == [gone.id, cut.id, altered.id]


def test_what_was_erased_is_not_missed(
    database: Database, store: ImageStore, tmp_path: Path, kept: list[StoredImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, meanwhile, *_ = kept

    def erase(image: StoredImage) -> None:
        with database.writing() as connection:
            connection.execute(update(images).where(images.c.id == image.id).values(wrapped_key=None, state="erased"))
        image.path.unlink()

    look = presence._by_size

    def erase_and_look(root: Path, row: object) -> object:
        if meanwhile.path.exists():
            erase(meanwhile)
        return look(root, row)

    erase(before)
    monkeypatch.setattr(presence, "_by_size", erase_and_look)
    assert check_files(database, tmp_path / "images", store) == presence.Presence(4, ())


def test_a_file_that_may_not_be_looked_at_is_not_called_lost(
    database: Database, store: ImageStore, tmp_path: Path, kept: list[StoredImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(number: int) -> Callable[..., Any]:
        def fail(path: Path) -> Any:
            raise OSError(number, "as the system says it")

        return fail

    for name, by in {"stat": None, "read_bytes": store}.items():
        with monkeypatch.context() as patched:
            patched.setattr(Path, name, failing(EACCES))
            with pytest.raises(AuditError, match="cannot be read: as the system says it"):
                check_files(database, tmp_path / "images", by)
            patched.setattr(Path, name, failing(EIO))
            assert {lost.loss for lost in check_files(database, tmp_path / "images", by).lost} == {"damaged"}


def test_what_cannot_be_read_as_the_key_of_its_subject_is_damaged_or_gone_is_not_called_whole(
    database: Database, store: ImageStore, tmp_path: Path, kept: list[StoredImage]
) -> None:
    for key, expected in {b"another": (5, 5), None: (0, 0)}.items():
        with database.writing() as connection:
            connection.execute(update(subjects).values(wrapped_key=key))
        found = check_files(database, tmp_path / "images", store)
        assert (found.kept, len(found.lost)) == expected
