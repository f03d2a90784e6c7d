"""Backup and restore of a project's state: the record, the image files and the heads, without the keys.

A backup is a folder, there whole or not at all; the database lies in it as an SQLite file, whichever it came from. Without the
keys nobody reads what it holds of people: they are backed up apart, by whoever keeps them. What was erased or recalled after a
backup is so again when it is restored, and the restore is itself an event, with the newest head of the record it replaced.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from limner.audit.administering import ERASED, RESTORED, RETAINED, administered
from limner.audit.erasing import Erasable, Forget, ImageRow, PayloadRow, destroy
from limner.audit.events import IMAGE_RECALLED
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.migration import open_database
from limner.database.tables import events, images, metadata, payloads, subjects
from limner.database.timestamp import timestamp
from limner.errors import ConfigurationError, UsageError
from limner.review import matching, recall

FILE, MANIFEST = "limner.db", "backup.json"
FOLDERS = ("heads", "images")
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure as its event tells it: what an older copy must lose again."""

    event_id: str
    body: dict[str, Any]  # JSON


def back_up(database: Database, state: Path, folder: Path) -> int:
    """Copy a project's state into a new folder; returns the number of events in it. Raises UsageError if the folder is there.

    Heads are copied before the database, images after it: so no head is ahead of its record, and what file has no row is swept.
    """
    if folder.exists():
        raise UsageError("there is something already", where=str(folder), fix="name a folder that is not there")
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _copy_folder(state, draft, "heads")
        with closing(open_database(f"sqlite:///{draft / FILE}")) as copy:
            size = _copy_rows(database, copy)
        _copy_folder(state, draft, "images")
        (draft / MANIFEST).write_text(json.dumps({"made": timestamp(), "events": size}) + "\n", encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return size


def erasures(database: Database) -> list[Erasure]:
    """Every erasure on the record, oldest first."""
    query = select(events.c.id, events.c.canonical).where(events.c.kind.in_((ERASED, RETAINED))).order_by(events.c.index)
    with database.reading() as connection:
        return [Erasure(id, json.loads(data)["body"]) for id, data in connection.execute(query)]


def recalls(database: Database) -> dict[str, str]:
    """Every image that was recalled, by its id, with the reason."""
    query = select(events.c.canonical).where(events.c.kind == IMAGE_RECALLED).order_by(events.c.index)
    with database.reading() as connection:
        bodies = [json.loads(data)["body"] for data in connection.scalars(query)]
    return {body["image"]: body["reason"] for body in bodies}


def recall_again(database: Database, writer: AuditWriter, recalled: Mapping[str, str], *, actor: str) -> int:
    """Recall what stands as released and is among these, from `recalls` of the record that was replaced; returns how many."""
    again = [(image, reason) for id, reason in recalled.items() for image in matching(database, [id])]
    for image, reason in again:
        recall(writer, [image], actor=actor, reason=reason)
    return len(again)


def put_back(folder: Path, state: Path, database_url: str) -> Path:
    """Put a backup in the place of a project's state; what stood there is moved beside it. Returns where to.

    A PostgreSQL database must be new, with tables and no events. Raises UsageError for a folder that is no backup, and
    ConfigurationError for a PostgreSQL database that is not empty.
    """
    if not (folder / MANIFEST).is_file():
        raise UsageError("this is no backup", where=str(folder), fix="name a folder that `limner state backup` made")
    with closing(Database(database_url)) as target:
        if target.dialect == "postgresql":
            _refuse_used(target)
        replaced = state / f"replaced-{timestamp().replace(':', '')}"
        replaced.mkdir(parents=True)
        for name in FOLDERS:
            if (state / name).exists():
                (state / name).rename(replaced / name)
            _copy_folder(folder, state, name)
        if target.dialect == "postgresql":
            with closing(open_database(f"sqlite:///{folder / FILE}")) as backup:
                _copy_rows(backup, target)
        else:
            _put_file(folder / FILE, Path(str(target.url.database)), replaced)
    return replaced


def settle(
    database: Database, writer: AuditWriter, later: Sequence[Erasure], *, actor: str, replaced_head: str, forget: Forget
) -> int:
    """Erase again what was erased after the backup was made, and record the restore; returns how many erasures that were."""
    known = {erasure.event_id for erasure in erasures(database)}
    missing = [erasure for erasure in later if erasure.event_id not in known]
    for erasure in missing:
        with database.reading() as connection:
            going = _going(connection, erasure.body)
        event = administered(ERASED, actor, {**erasure.body, "again": erasure.event_id})
        destroy(database, writer, event, going, forget, heed_holds=False)
    body = {"erased_again": [erasure.event_id for erasure in missing], "replaced_head": replaced_head}
    writer.append([administered(RESTORED, actor, body)]).result()
    return len(missing)


def _copy_folder(source: Path, target: Path, name: str) -> None:
    if (source / name).is_dir():
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("*.part", "lock"))


def _copy_rows(source: Database, target: Database) -> int:
    """Copy every table as it stands at one moment; returns the number of events."""
    with source.snapshot() as reading, target.writing() as writing:
        for table in metadata.sorted_tables:
            result = reading.execute(select(table)).mappings()
            while rows := result.fetchmany(ROWS_AT_ONCE):
                writing.execute(insert(table), [dict(row) for row in rows])
        return int(writing.scalar(select(func.count()).select_from(events)) or 0)


def _refuse_used(database: Database) -> None:
    with closing(open_database(database.url.render_as_string(hide_password=False))) as target, target.reading() as connection:
        if connection.scalar(select(func.count()).select_from(events)):
            fix = "set LIMNER_DATABASE_URL to a new database, `limner db upgrade` it, and name this one with --replaces"
            raise ConfigurationError("there is a record in it already", where=repr(database), fix=fix)


def _put_file(source: Path, target: Path, replaced: Path) -> None:
    for path in (target, *(target.with_name(target.name + ending) for ending in ("-wal", "-shm"))):
        if path.exists():
            path.rename(replaced / path.name)
    shutil.copyfile(source, target)


def _going(connection: Connection, body: dict[str, Any]) -> Erasable:
    """What an erasure named, as far as this record has it with its keys."""
    named = images.c.id.in_(body["images"]) & images.c.wrapped_key.is_not(None)
    found = connection.execute(select(images.c.id, images.c.request_id, images.c.subject).where(named))
    subject = body["target"] if body.get("subject_key") else ""
    has_key = select(subjects.c.wrapped_key).where(subjects.c.pseudonym == subject)
    return Erasable(
        images=tuple(ImageRow(*row) for row in found),
        payloads=tuple(row for event, name in body["payloads"] for row in _payload(connection, event, name)),
        subject=subject if subject and connection.scalar(has_key) is not None else "",
    )


def _payload(connection: Connection, event: int, name: str) -> list[PayloadRow]:
    one = (payloads.c.event == event) & (payloads.c.name == name) & payloads.c.wrapped_key.is_not(None)
    query = select(events.c.request_id, payloads.c.subject).where(one, events.c.index == payloads.c.event)
    return [PayloadRow(event, name, request_id, subject) for request_id, subject in connection.execute(query)]
