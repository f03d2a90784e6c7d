"""Kept images whose files are gone or damaged are found, on every page of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from limner.database.connection import Database
from limner.database.tables import images
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
