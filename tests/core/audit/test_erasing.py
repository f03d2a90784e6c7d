from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from tests.core.audit.conftest import PINNED, STORED

from limner.audit import legal_holds, reading
from limner.audit.checking import verify_database
from limner.audit.erasing import Erasable, erasable, erase
from limner.audit.events import image_outcome, request_accepted, request_closed
from limner.audit.heads import trusted_keys
from limner.audit.legal_holds import lift, place
from limner.audit.outside import HeadFolder
from limner.audit.retention import expired, load_retention, retain
from limner.audit.scope import Kind, Scope, find_scope
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import fingerprints, images, subjects
from limner.errors import AuditError, InvalidFile, UsageError
from limner.generation import Caller, Request
from limner.images.store import ImageStore
from limner.keys import Keys

Made = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path, keys: Keys) -> ImageStore:
    return ImageStore(tmp_path / "images", keys)


@pytest.fixture
def made(writer: AuditWriter, store: ImageStore) -> Made:
    """Records a request with one released image and its fingerprint; returns the image's id."""

    def make(id: str, subject: str = "local:ada", cohort: str = "local") -> str:
        request = Request(id, "generate", "text-to-image", f"the words of {id}", Caller(subject, cohort))
        writer.append([request_accepted(request, PINNED)], STORED).result(30)
        kept = store.write(b"\x89PNG\r\n\x1a\n pixels", subject, request_id=id, index=0, pixels_sha256="a" * 64)
        found = insert(fingerprints).values(image_id=kept.id, fingerprint=7)
        outcome = image_outcome(id, 0, "released", image_id=kept.id, fingerprint=7, subject=subject)
        writer.append([outcome, request_closed(id, ["released"])], [*kept.changes, found]).result(30)
        return kept.id

    return make


@pytest.fixture
def scope(database: Database, keys: Keys) -> Callable[[Kind, str], Scope]:
    def find(kind: Kind, name: str) -> Scope:
        with database.reading() as connection:
            return find_scope(connection, keys, kind, name)

    return find


@pytest.fixture
def go(database: Database, writer: AuditWriter, store: ImageStore) -> Callable[[Scope], Erasable]:
    def erase_it(scope: Scope) -> Erasable:
        return erase(database, writer, scope, actor="local:officer", reason="asked for", forget=store.forget)

    return erase_it


def words(database: Database, keys: Keys, id: str) -> str:
    return str(reading.request(database, keys, id).events[0].payloads["prompt"].state)


def verifies(database: Database, keys: Keys, tmp_path: Path) -> bool:
    return verify_database(database, HeadFolder(tmp_path / "heads"), trusted_keys(keys)).ok


def test_a_subject_is_forgotten_and_the_record_still_holds(
    database: Database, keys: Keys, store: ImageStore, made: Made, scope, go, tmp_path: Path
):
    one, two, others = made("r1"), made("r2"), made("r3", "local:bob")
    went = go(scope("subject", "local:ada"))
    assert {image.id for image in went.images} == {one, two}
    assert (words(database, keys, "r1"), words(database, keys, "r2"), words(database, keys, "r3")) == (
        "erased",
        "erased",
        "open",
    )
    record = reading.request(database, keys, "r1")
    assert (record.caller, record.events[0].body["n"]) == (None, 1)
    for image in (one, two):
        with pytest.raises(AuditError, match="erased"):
            store.read(database, image)
    assert store.read(database, others)
    assert [path.name for path in (tmp_path / "images").glob("*/*")] == [f"r3.{others}"]
    with database.reading() as connection:
        assert connection.scalars(select(fingerprints.c.image_id)).all() == [others]
        assert connection.scalar(select(subjects.c.lookup).where(subjects.c.pseudonym == record.subject)) is None
    assert verifies(database, keys, tmp_path)
    with pytest.raises(UsageError, match="no subject"):
        scope("subject", "local:ada")


def test_an_erasure_is_an_event_that_says_what_went_and_why(database: Database, keys: Keys, made: Made, scope, go):
    image = made("r1")
    go(scope("image", image))
    last = reading.request(database, keys, "r1").events[-1]
    assert (last.kind, last.body["reason"], last.body["images"]) == ("audit.erased", "asked for", [image])
    with database.reading() as connection:
        row = connection.execute(select(images).where(images.c.id == image)).mappings().one()
    assert (row["state"], row["wrapped_key"], row["erased"]) == ("erased", None, last.index)


@pytest.mark.parametrize(("kind", "prompt"), [("image", "open"), ("request", "erased")])
def test_one_image_or_one_request_goes_alone(database: Database, keys: Keys, made: Made, scope, go, kind: Kind, prompt: str):
    image, other = made("r1"), made("r2")
    go(scope(kind, image if kind == "image" else "r1"))
    assert words(database, keys, "r1") == prompt
    assert words(database, keys, "r2") == "open"
    outcome = reading.request(database, keys, "r1").events[1]
    assert outcome.payloads["fingerprint"].state == "erased"
    with database.reading() as connection:
        assert connection.scalars(select(images.c.id).where(images.c.state == "released")).all() == [other]


@pytest.mark.parametrize("kind", ["subject", "request", "image"])
def test_a_legal_hold_wins_and_is_told(
    database: Database, keys: Keys, writer: AuditWriter, store: ImageStore, made: Made, scope, go, kind: Kind
):
    image = made("r1")
    held = scope(kind, {"subject": "local:ada", "request": "r1", "image": image}[kind])
    hold = place(writer, held, "local:officer", "a dispute")
    went = go(scope("subject", "local:ada"))
    assert went.kept_by == (hold,)
    assert (went.images, went.subject) == ((), "")
    assert store.read(database, image)
    assert words(database, keys, "r1") == ("erased" if kind == "image" else "open")
    assert [found.id for found in legal_holds.in_force(database)] == [hold]
    lift(writer, hold, "local:officer", "settled")
    assert go(scope("subject", "local:ada")).kept_by == ()
    with pytest.raises(AuditError):
        store.read(database, image)
    with pytest.raises(UsageError, match="no legal hold"):
        lift(writer, hold, "local:officer", "again")


def test_a_hold_that_comes_between_plan_and_erasure_keeps_key_and_file(
    database: Database, keys: Keys, writer: AuditWriter, store: ImageStore, made: Made, scope, monkeypatch: pytest.MonkeyPatch
):
    image = made("r1")
    append = writer.append

    def append_after_a_hold(*args):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(writer, "append", append)
        place(writer, scope("request", "r1"), "local:officer", "a dispute")
        return append(*args)

    monkeypatch.setattr(writer, "append", append_after_a_hold)
    with pytest.raises(Refused, match="nothing was erased"):
        erase(database, writer, scope("subject", "local:ada"), actor="x", reason="asked for", forget=store.forget)
    assert store.read(database, image)
    assert scope("subject", "local:ada")
    assert "audit.erased" not in {event.kind for event in reading.request(database, keys, "r1").events}


def test_no_key_is_left_in_the_database_files(database: Database, tmp_path: Path, keys: Keys, made: Made, scope, go):
    made("r1")
    with database.reading() as connection:
        wrapped = [key for key in connection.scalars(select(subjects.c.wrapped_key)) if key]
        wrapped += list(connection.scalars(select(images.c.wrapped_key)))
    go(scope("subject", "local:ada"))
    if database.dialect == "sqlite":
        on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("limner.db*"))
        assert not any(key in on_disk for key in wrapped)


def test_what_a_crash_left_of_an_erased_image_is_swept(
    database: Database, writer: AuditWriter, store: ImageStore, made: Made, scope
):
    image = made("r1")
    erase(database, writer, scope("image", image), actor="x", reason="asked for", forget=lambda gone: None)
    assert [path.name for path in store.sweep(database)] == [f"r1.{image}"]


def test_a_dry_run_erases_nothing(database: Database, keys: Keys, made: Made, scope):
    made("r1")
    with database.reading() as connection:
        planned = erasable(connection, scope("subject", "local:ada"))
    assert (len(planned.images), len(planned.payloads)) == (1, 2)
    assert words(database, keys, "r1") == "open"


RETENTION = """\
limner: 1
retention:
  guests: {of: images, cohorts: [guests], keep: 30d}
  images: {of: images, outcomes: [released], keep: 2y}
  words: {of: payloads, keep: 8w}
"""


def aged(database: Database, id: str, time: str) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE requests SET time = :time WHERE id = :id"), {"time": time, "id": id})


def test_what_has_outlived_its_class_is_erased(
    database: Database, keys: Keys, writer: AuditWriter, store: ImageStore, made: Made, scope, tmp_path: Path
):
    old, guests, new = made("old"), made("guest", "local:guest", "guests"), made("new")
    still_open = Request("open", "generate", "p", "words", Caller("local:ada", "local"))
    writer.append([request_accepted(still_open, PINNED)], STORED).result(30)
    for id in ("old", "guest", "open"):
        aged(database, id, "2026-01-01T00:00:00.000000Z")
    place(writer, scope("request", "old"), "local:officer", "a dispute")
    (tmp_path / "retention.yaml").write_text(RETENTION)
    classes = load_retention(tmp_path / "retention.yaml")
    found = retain(database, writer, classes, actor="local:officer", forget=store.forget)
    assert {name: len(going.images) + len(going.payloads) for name, going in found.items()} == {
        "guests": 1,
        "images": 0,
        "words": 2,
    }
    assert found["words"].kept_by
    assert {words(database, keys, id) for id in ("old", "new", "open")} == {"open"}
    assert words(database, keys, "guest") == "erased"
    assert store.read(database, old)
    assert store.read(database, new)
    with pytest.raises(AuditError):
        store.read(database, guests)
    assert verifies(database, keys, tmp_path)
    with database.reading() as connection:
        assert all(going.empty for going in expired(connection, classes, datetime.now(UTC)).values())


@pytest.mark.parametrize("keep", ["8 weeks", "101y", "999999999y"])
def test_mistakes_in_the_classes_are_told_with_their_place(tmp_path: Path, keep: str):
    (tmp_path / "retention.yaml").write_text(RETENTION.replace("8w", keep).replace("of: images, o", "for: images, o"))
    with pytest.raises(InvalidFile) as caught:
        load_retention(tmp_path / "retention.yaml")
    told = str(caught.value)
    assert "retention.yaml:5" in told
    assert "30d, 8w, 2y" in told
    assert "retention.images" in told
