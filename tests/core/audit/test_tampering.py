"""An adversary who holds the database, drops its triggers and recomputes every hash, but has no signing key and no heads."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text

from limner import deny
from limner.audit.checking import verify_database
from limner.audit.event import Event
from limner.audit.events import REVIEWED, Held, image_outcome
from limner.audit.heads import public_key, sign_head, trusted_keys
from limner.audit.holds import hold
from limner.audit.legal_holds import lift, place
from limner.audit.outside import HeadFolder
from limner.audit.publishing import leaves_since
from limner.audit.scope import Scope
from limner.audit.stored import COLUMNS, stored_rows
from limner.audit.verifier import Report, Row, leaf_hash
from limner.audit.writer import AuditWriter
from limner.canonical import canonical
from limner.database.connection import Database
from limner.database.tables import events
from limner.images.store import ImageStore
from limner.keys import Keys, open_folder
from limner.review import matching, recall

EVENTS = 40
WAYS = 250  # on each database


@pytest.fixture
def folder(tmp_path: Path) -> HeadFolder:
    return HeadFolder(tmp_path / "heads")


@pytest.fixture
def log(database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder) -> list[Row]:
    """A log of some events under several heads, and a few more that no head covers yet."""
    for number in range(EVENTS):
        writer.append([Event("note", f"r{number % 7}", {"number": number, "text": "as it was"})]).result(30)
        if number % 9 == 8:
            folder.publish(keys, lambda size: leaves_since(database, size))
    return stored(database)


def stored(database: Database) -> list[Row]:
    with database.reading() as connection:
        return [Row(*row) for row in connection.execute(select(*COLUMNS).order_by(events.c.index))]


@contextmanager
def unguarded(database: Database) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Puts other rows in the place of all events, past the triggers."""
    triggers: list[str] = []
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            for name, sql in found:
                connection.execute(text(f"DROP TRIGGER {name}"))
                triggers.append(sql)

        def put(rows: Sequence[Row]) -> None:
            connection.execute(delete(events))
            names = [column.name for column in COLUMNS]
            if rows:
                connection.execute(insert(events), [dict(zip(names, row, strict=True)) for row in rows])

        yield put
        for sql in triggers:
            connection.exec_driver_sql(sql)


def recomputed(row: Row, **changes: object) -> Row:
    """The row with other content, and every hash as if it had always been so."""
    said = {**json.loads(row.canonical), **changes}
    data = canonical(said)
    return row._replace(canonical=data, leaf_hash=leaf_hash(data), id=said["id"], request=said["request"], time=said["time"])


@dataclass
class Tampered:
    rows: list[Row]
    kind: str
    named: set[int]  # one of these must be named


def renumbered(rows: Sequence[Row]) -> list[Row]:
    return [row._replace(index=index) for index, row in enumerate(rows)]


def flip(rows: list[Row], chance: random.Random) -> Tampered:
    at = chance.randrange(36)
    if chance.random() < 0.3:  # one bit, no hash recomputed
        data = bytearray(rows[at].canonical)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        rows[at] = rows[at]._replace(canonical=bytes(data))
    else:
        rows[at] = recomputed(rows[at], body={"number": at, "text": f"as somebody wants it {chance.random()}"})
    return Tampered(rows, "changed", {at})


def column(rows: list[Row], chance: random.Random) -> Tampered:
    at = chance.randrange(36)
    change: dict[str, object] = chance.choice(
        [{"request": "rx"}, {"kind": "other"}, {"version": 7}, {"time": rows[0].time[:-3] + "1Z"}]
    )
    rows[at] = rows[at]._replace(**change)  # type: ignore[arg-type]
    return Tampered(rows, "changed", {at})


def remove(rows: list[Row], chance: random.Random) -> Tampered:
    first = chance.randrange(34)
    last = first + chance.randrange(1, 36 - first) if chance.random() < 0.3 else first + 1
    left = rows[:first] + rows[last:]
    return Tampered(renumbered(left) if chance.random() < 0.7 else left, "missing", set(range(first, last)))


def put_in(rows: list[Row], chance: random.Random) -> Tampered:
    at = chance.randrange(36)
    new = recomputed(rows[at], id=f"{chance.getrandbits(128):032x}", body={"number": -1})
    return Tampered(renumbered([*rows[:at], new, *rows[at:]]), "inserted", {at})


def swap(rows: list[Row], chance: random.Random) -> Tampered:
    one, other = sorted(chance.sample(range(36), 2))
    rows[one], rows[other] = rows[other], rows[one]
    return Tampered(renumbered(rows), "reordered", {one, other, *range(one, other + 1)})


def cut(rows: list[Row], chance: random.Random) -> Tampered:
    size = chance.randrange(36)
    return Tampered(rows[:size], "missing", {size})


WAYS_TO_TAMPER = (flip, column, remove, put_in, swap, cut)


def found(report: Report, tampered: Tampered) -> bool:
    return any(
        finding.kind == tampered.kind
        and finding.first is not None
        and finding.last is not None
        and tampered.named & set(range(finding.first, finding.last + 1))
        for finding in report.findings
    )


def test_every_way_to_tamper_is_found_and_the_row_named(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, log: list[Row]
) -> None:
    assert verify_database(database, folder, trusted_keys(keys)).ok
    chance = random.Random(5)
    for way in range(WAYS):
        tampered = WAYS_TO_TAMPER[way % len(WAYS_TO_TAMPER)](list(log), chance)
        with unguarded(database) as put:
            put(tampered.rows)
        report = verify_database(database, folder, trusted_keys(keys))
        assert found(report, tampered), (way, tampered.kind, tampered.named, report.findings)
    with unguarded(database) as put:
        put(log)
    report = verify_database(database, folder, trusted_keys(keys))
    assert (report.ok, report.events, report.attested, report.heads) == (True, EVENTS, 36, 4)


def test_a_log_that_was_changed_is_not_signed_over(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, log: list[Row]
) -> None:
    with unguarded(database) as put:
        put([recomputed(log[3], body={}) if row.index == 3 else row for row in log])
    writer.append([Event("note", "", {})]).result(30)
    folder.publish(keys, lambda size: leaves_since(database, size))
    restarted = HeadFolder(folder.folder)
    writer.append([Event("note", "", {})]).result(30)
    restarted.publish(keys, lambda size: leaves_since(database, size))
    report = verify_database(database, restarted, trusted_keys(keys))
    assert [(finding.kind, finding.first) for finding in report.findings] == [("changed", 3)]


def test_with_a_single_head_kept_the_difference_is_bracketed(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, log: list[Row], tmp_path: Path
) -> None:
    with unguarded(database) as put:
        put([recomputed(log[12], body={}) if row.index == 12 else row for row in log])
    report = verify_database(database, HeadFolder(tmp_path / "none"), trusted_keys(keys), folder.heads()[:3])
    assert [(finding.kind, finding.first, finding.last) for finding in report.findings] == [("changed", 9, 17)]
    assert report.attested == 9


def test_a_head_signed_by_another_is_told(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, log: list[Row], tmp_path: Path
) -> None:
    tree = leaves_since(database, 0)
    other = open_folder(tmp_path / "other keys", create=True)
    forged = sign_head(other, 36, bytes(32))
    renamed = sign_head(keys, 36, folder.heads()[-1].root).note.replace("36", "35", 1)
    for note in (forged.note, renamed):
        head = type(forged).parse(note)
        report = verify_database(database, folder, trusted_keys(keys), [head])
        assert [finding.kind for finding in report.findings] == ["forged head"]
    assert len(tree) == EVENTS
    assert public_key(other).origin != public_key(keys).origin


def test_a_log_is_read_in_pages_and_whatever_types_its_columns_have(
    database: Database, keys: Keys, folder: HeadFolder, log: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.audit.stored.PAGE", 7)
    with database.snapshot() as connection:
        assert list(stored_rows(connection)) == log
        assert list(stored_rows(connection, 33)) == log[33:]
    if database.dialect == "postgresql":
        with database.writing() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("ALTER TABLE events ALTER COLUMN version DROP NOT NULL"))
            connection.execute(text("UPDATE events SET version = NULL WHERE index = 3"))
        report = verify_database(database, folder, trusted_keys(keys))
        assert {(finding.kind, finding.first) for finding in report.findings} == {("changed", 3)}
        with unguarded(database) as put:
            put(log)
        with database.writing() as connection:
            connection.execute(text("ALTER TABLE events ALTER COLUMN version SET NOT NULL"))


def test_a_clock_that_runs_back_is_told(database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder) -> None:
    for _ in range(3):
        writer.append([Event("note", "", {})]).result(30)
    rows = stored(database)
    with unguarded(database) as put:
        put([rows[0], recomputed(rows[1], time="2001-01-01T00:00:00.000000Z"), rows[2]])
    report = verify_database(database, folder, trusted_keys(keys))
    assert [(finding.kind, finding.first) for finding in report.findings] == [("clock", 1)]


def test_the_database_itself_forbids_to_change_events(database: Database, writer: AuditWriter) -> None:
    writer.append([Event("note", "", {})]).result(30)
    for statement in ("UPDATE events SET kind = 'other'", "DELETE FROM events"):
        with pytest.raises(Exception, match="append-only"), database.writing() as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE outcomes SET outcome = 'released' WHERE image = 1", "'released' for image 1 of request r1"),
        ("DELETE FROM outcomes WHERE image = 1", "'nothing' for image 1 of request r1"),
        ("INSERT INTO outcomes (request_id, image, outcome, event) VALUES ('r1', 2, 'released', 0)", "none on the record"),
        ("UPDATE images SET state = 'released' WHERE image = 1", "stands as released, and the record says 'held'"),
        ("UPDATE images SET state = 'released' WHERE image = 0", "stands as released, and the record says it was recalled"),
    ],
)
def test_what_may_be_given_out_must_be_what_was_recorded(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept, tmp_path: Path, statement: str, told: str
) -> None:
    accept("r1", n=3)
    store = ImageStore(tmp_path / "images", keys)
    kept = store.write(b"pixels", "local:ada", request_id="r1", index=1, pixels_sha256="a" * 64, state="held")
    out = store.write(b"others", "local:ada", request_id="r1", index=0, pixels_sha256="b" * 64)
    writer.append([image_outcome("r1", 0, "released", image_id=out.id)], out.changes).result(30)
    recall(writer, matching(database, ["r1/0"]), actor="local:op", reason="a likeness")
    writer.append([image_outcome("r1", 1, "held", image_id=kept.id)], kept.changes).result(30)
    assert verify_database(database, folder, trusted_keys(keys)).ok
    with database.writing() as connection:
        connection.execute(text(statement))
    [finding] = verify_database(database, folder, trusted_keys(keys)).findings
    assert (finding.kind, told in finding.what) == ("table", True), finding


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM denials WHERE value = 'red kite'", "event 0: entry {kite} of the deny list, which the record"),
        ("UPDATE denials SET value = 'red kit' WHERE removed IS NULL", "event 0: entry {kite} of the deny list is not as the"),
        ("UPDATE denials SET expires = '2001' WHERE removed IS NULL", "is not as the record has it: expires"),
        ("UPDATE denials SET removed = '2026' WHERE value = 'red kite'", "is not as the record has it: stands"),
        ("UPDATE denials SET removed = NULL", "event 2: entry {eve} of the deny list is not as the record has it: stands"),
        ("INSERT INTO denials SELECT 'forged', kind, 'sky', reason, created, expires, removed, 9 FROM denials "
         "WHERE value = 'red kite'", "entry forged of the deny list is not on the record"),
        ("DELETE FROM legal_holds WHERE state = 'placed'", "event 3: entry {hold} of the legal holds, which"),
        ("UPDATE legal_holds SET state = 'lifted'", "event 3: entry {hold} of the legal holds is not as"),
        ("UPDATE legal_holds SET target = 'r2' WHERE state = 'placed'", "is not as the record has it: target"),
        ("UPDATE legal_holds SET state = 'placed'", "event 5: entry {lifted} of the legal holds is not as"),
        ("INSERT INTO legal_holds VALUES ('forged', 'request', 'r2', '2026', 'placed')", "entry forged of the legal holds"),
        ("INSERT INTO approvals SELECT id, 'forged', '2026' FROM holds", "has 1 reviewers who agree, and the record says 0"),
        ("UPDATE holds SET four_eyes = false", "event 7: entry {waiting} of what is held for review is not as"),
        ("UPDATE holds SET state = 'released'", "of what is held for review is not as the record has it: state"),
        ("UPDATE holds SET rules = '[]', gate = 'prompt'", "is not as the record has it: rules, gate"),
        ("DELETE FROM holds", "event 7: entry {waiting} of what is held for review, which the record has, is not there"),
        ("INSERT INTO holds SELECT 'forged', request_id, image, gate, state, time, category, rules, four_eyes FROM holds",
         "entry forged of what is held for review is not on the record"),
    ],
)  # fmt: skip
def test_what_is_denied_on_hold_or_agreed_to_must_be_what_was_recorded(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept, statement: str, told: str
) -> None:
    kite = deny.add(writer, "term", "red kite", actor="local:op", reason="a campaign")
    eve = deny.add(writer, "subject", keys.lookup("local:eve"), actor="local:op", reason="abuse")
    deny.remove(writer, database, eve.id, actor="local:op", reason="a mistake")
    held = place(writer, Scope("request", "r1", "r1"), "local:op", "a dispute")
    lifted = place(writer, Scope("request", "r1", "r1"), "local:op", "the same again")
    lift(writer, lifted, "local:op", "once is enough")
    accept("r1")
    waiting = Held("image", rules=("odd",), four_eyes=True)
    writer.append([image_outcome("r1", 0, "held", held=waiting)], [hold("r1", 0, waiting)]).result(30)
    assert verify_database(database, folder, trusted_keys(keys)).ok
    with database.writing() as connection:
        connection.execute(text(statement))
    [finding] = verify_database(database, folder, trusted_keys(keys)).findings
    named = told.format(kite=kite.id, eve=eve.id, hold=held, lifted=lifted, waiting=waiting.id)
    assert (finding.kind, named in str(finding)) == ("table", True), finding


def test_a_word_about_what_cannot_be_a_hold_agrees_to_none(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept
) -> None:
    accept("r1")
    agreed = text("INSERT INTO approvals SELECT id, 'forged', '2026' FROM holds")
    held = Held("image", four_eyes=True)
    changes = [hold("r1", 0, held), agreed]
    holds, words = ([], {}, 7, None), ("agree", "release", [])
    odd = [Event(REVIEWED, "r1", {"action": word, "hold": hold}) for hold in holds for word in words]
    writer.append([image_outcome("r1", 0, "held", held=held), *odd], changes).result(30)
    [finding] = verify_database(database, folder, trusted_keys(keys)).findings
    assert (finding.kind, "has 1 reviewers who agree, and the record says 0" in finding.what) == ("table", True)


def test_what_takes_two_reviewers_and_was_released_by_one_is_told(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept
) -> None:
    def says(action: str, by: str) -> Event:
        return Event(REVIEWED, "r1", {"action": action, "hold": held.id}, subject=by)

    accept("r1")
    held = Held("image", four_eyes=True)
    writer.append([image_outcome("r1", 0, "held", held=held)], [hold("r1", 0, held)]).result(30)
    released = text("UPDATE holds SET state = 'released'")
    agreed = text("INSERT INTO approvals SELECT id, 'x', '2026' FROM holds")
    [_, alone] = writer.append([says("agree", "local:rev"), says("release", "local:rev")], [released, agreed]).result(30)
    [finding] = verify_database(database, folder, trusted_keys(keys)).findings
    assert (finding.kind, finding.first, "takes two reviewers" in finding.what) == ("review", alone, True)


def test_a_hold_of_which_an_earlier_version_recorded_nothing_is_no_finding(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept
) -> None:
    accept("r1")
    writer.append([image_outcome("r1", 0, "held")], [hold("r1", 0, Held("image"))]).result(30)
    assert verify_database(database, folder, trusted_keys(keys)).ok


def test_a_text_that_is_not_there_is_told_with_the_event_that_names_it(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, accept, note
) -> None:
    writer.append([note()]).result(30)
    accept("r1")
    accept("r2")
    assert verify_database(database, folder, trusted_keys(keys)).ok
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            connection.execute(text("DROP TRIGGER texts_no_delete"))
        connection.execute(text("DELETE FROM texts WHERE kind = 'policy'"))
    [finding] = verify_database(database, folder, trusted_keys(keys)).findings
    assert (finding.kind, finding.first, "the text of hash" in finding.what) == ("missing", 1, True)
