"""What must not be undone by restoring a backup: what was erased, recalled, denied and put on hold after it was made.

The record that is replaced tells of it, and is read before it goes. The restored one is then told again, each time by an event
that names the one it repeats (`again`); the restore is itself an event, with the newest head of what it replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, false, insert, make_url, select, true
from sqlalchemy.exc import ArgumentError

from limner.audit.administering import ERASED, HOLD_LIFTED, HOLD_PLACED, RESTORED, RETAINED, administered
from limner.audit.erasing import ALL_PAYLOADS, Erasable, Forget, ImageRow, PayloadRow, destroy
from limner.audit.event import Event
from limner.audit.events import DENY_ADDED, DENY_REMOVED, IMAGE_RECALLED
from limner.audit.legal_holds import LegalHold, lifted, placed
from limner.audit.log import Change
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.migration import open_database
from limner.database.tables import events, images, payloads, subjects
from limner.deny.changes import added, removed
from limner.deny.denials import Denial
from limner.errors import AuditError, UsageError
from limner.review import matching, recall

ASK_ANOTHER = "name the database that is replaced with --replaces; only if it is lost, say --no-later-erasures"
ERASURES = (ERASED, RETAINED)
DENIALS = (DENY_ADDED, DENY_REMOVED)
LEGAL_HOLDS = (HOLD_PLACED, HOLD_LIFTED)


@dataclass(frozen=True, slots=True)
class Told:
    """One event as a record tells it."""

    id: str
    kind: str
    request_id: str
    time: str
    body: Mapping[str, Any]  # JSON

    @property
    def origin(self) -> str:
        """The id of the event that this one repeats, or its own."""
        return str(self.body.get("again", self.id))

    def again(self, actor: str) -> Event:
        """The event that repeats it, by whoever restores."""
        return administered(self.kind, actor, {**self.body, "again": self.origin}, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class Later:
    """What a record tells that an older copy of it may not know. `subjects` are the rows of those who are on legal hold."""

    events: tuple[Told, ...] = ()
    subjects: tuple[Mapping[str, Any], ...] = ()  # columns of `subjects`


@dataclass(frozen=True, slots=True)
class Repeated:
    """How much was done again: erasures, recalls, changes of the deny list, and of the legal holds."""

    erasures: int = 0
    recalls: int = 0
    denials: int = 0
    legal_holds: int = 0


def ask(url: str, first: str) -> Later:
    """What the record at this address tells. `first` is the id of the first event of the backup, empty where that is not known.

    Raises UsageError where there is no such record, or it is another than the one that was backed up: it would tell of nothing,
    and that would pass for nothing to tell. An SQLite file that is not there is not made.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise UsageError("this is no URL of a database", where=url, fix=ASK_ANOTHER) from error
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise UsageError("there is no record to ask what was erased since", where=str(address.database), fix=ASK_ANOTHER)
    with closing(open_database(url)) as database:
        with database.reading() as connection:
            known = connection.scalar(select(events.c.id).where(events.c.id == first if first else true()).limit(1))
        if known is None:
            what = "it does not hold the record that was backed up, and cannot tell what was erased since"
            raise UsageError(what, where=address.render_as_string(), fix=ASK_ANOTHER)
        return later(database)


def later(database: Database) -> Later:
    """What the record that is to be replaced tells. Raises AuditError where part of that cannot be read."""
    with database.snapshot() as connection:
        told = _told(connection, (*ERASURES, *DENIALS, *LEGAL_HOLDS, IMAGE_RECALLED))
        held = {one.body["target"] for one in told if one.kind == HOLD_PLACED and one.body["scope"] == "subject"}
        alive = subjects.c.pseudonym.in_(held) & subjects.c.wrapped_key.is_not(None)
        return Later(told, tuple(dict(row) for row in connection.execute(select(subjects).where(alive)).mappings()))


def repeat(
    database: Database,
    writer: AuditWriter,
    later: Later,
    *,
    actor: str,
    replaced_head: str,
    forget: Forget,
    asked: bool = True,
) -> Repeated:
    """Do again in a restored record what `later` tells and it does not know, and record the restore.

    `asked` is false where the record that is replaced is lost, and nobody knows what was erased since.
    """
    missing = _unknown(database, later.events)
    _introduce(writer, later.subjects)  # before anything is recorded of whoever restores, who may be one of them
    recalled = _recall(database, writer, missing, actor)
    erased = [one for one in missing if one.kind in ERASURES]
    for one in erased:
        _erase(database, writer, one, actor, forget)
        if one.body.get("subject_key"):
            _introduce(writer, later.subjects)  # who was erased and came again is known only now
    denied = _change(writer, [one for one in missing if one.kind in DENIALS], actor)
    held = _change(writer, [one for one in missing if one.kind in LEGAL_HOLDS], actor)
    body = {
        "asked": asked,
        "erased_again": [one.id for one in erased],
        "recalled_again": recalled,
        "denied_again": denied,
        "held_again": held,
        "replaced_head": replaced_head,
    }
    writer.append([administered(RESTORED, actor, body)]).result()
    return Repeated(len(erased), len(recalled), len(denied), len(held))


def _told(connection: Connection, kinds: Sequence[str]) -> tuple[Told, ...]:
    columns = (events.c.index, events.c.id, events.c.kind, events.c.request_id, events.c.time, events.c.canonical)
    query = select(*columns).where(events.c.kind.in_(kinds)).order_by(events.c.index)
    found = []
    for index, id, kind, request_id, time, data in connection.execute(query):
        try:
            found.append(Told(id, kind, request_id, time, json.loads(data)["body"]))
        except (ValueError, KeyError, TypeError) as error:
            fix = "limner audit verify tells what was changed; with --no-later-erasures it is not asked"
            raise AuditError(f"event {index} of the record that is replaced cannot be read", fix=fix) from error
    return tuple(found)


def _unknown(database: Database, told: Sequence[Told]) -> list[Told]:
    """Of these, what the record does not have, as it was or repeated."""
    with database.reading() as connection:
        known = {one.origin for one in _told(connection, tuple({one.kind for one in told}))}
    return [one for one in told if one.origin not in known]


def _recall(database: Database, writer: AuditWriter, missing: Sequence[Told], actor: str) -> list[str]:
    """Withdraw what was recalled later and stands as released, or is held still and was released later; the images' ids."""
    later = {one.body["image"]: one for one in missing if one.kind == IMAGE_RECALLED}
    again = [(image, told) for id, told in later.items() for image in matching(database, [id], held=True)]
    for image, told in again:
        recall(writer, [image], actor=actor, reason=told.body["reason"], again=told.origin)
    return [image.image_id for image, _ in again]


def _introduce(writer: AuditWriter, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make known whom a legal hold is about and the backup does not know: else they would come under another pseudonym."""

    def change(connection: Connection) -> None:
        for row in rows:
            same = (subjects.c.pseudonym == row["pseudonym"]) | (subjects.c.lookup == row["lookup"])
            if connection.scalar(select(subjects.c.pseudonym).where(same)) is None:
                connection.execute(insert(subjects).values(**row))

    if rows:
        writer.append([], [change]).result()


def _change(writer: AuditWriter, told: Sequence[Told], actor: str) -> list[str]:
    """Change the deny list or the legal holds again, in the order in which it was done; the ids of the events repeated."""
    if told:
        writer.append([one.again(actor) for one in told], [_CHANGES[one.kind](one) for one in told]).result()
    return [one.id for one in told]


def _denial(told: Told) -> Denial:
    body = told.body
    return Denial(body["denial"], body["kind"], body["value"], body["reason"], told.time, body["expires"] or "")


def _hold(told: Told) -> LegalHold:
    return LegalHold(told.body["hold"], told.body["scope"], told.body["target"], told.time)


_CHANGES: Mapping[str, Callable[[Told], Change]] = {
    DENY_ADDED: lambda told: added(_denial(told)),
    DENY_REMOVED: lambda told: removed(told.body["denial"], told.time),
    HOLD_PLACED: lambda told: placed(_hold(told)),
    HOLD_LIFTED: lambda told: lifted(told.body["hold"]),
}


def _erase(database: Database, writer: AuditWriter, told: Told, actor: str, forget: Forget) -> None:
    with database.reading() as connection:
        going = _going(connection, told)
    event = administered(ERASED, actor, {**told.body, "again": told.origin})
    destroy(database, writer, event, going, forget, heed_holds=False)


def _going(connection: Connection, told: Told) -> Erasable:
    """What an erasure named, as far as this record has it with its keys."""
    body = told.body
    named = images.c.id.in_(body["images"]) & images.c.wrapped_key.is_not(None)
    found = connection.execute(select(images.c.id, images.c.request_id, images.c.subject).where(named))
    subject = body["target"] if body.get("subject_key") else ""
    has_key = select(subjects.c.wrapped_key).where(subjects.c.pseudonym == subject)
    return Erasable(
        images=tuple(ImageRow(*row) for row in found),
        payloads=tuple(row for one in body["payloads"] for row in _payload(connection, told, *one)),
        subject=subject if subject and connection.scalar(has_key) is not None else "",
    )


def _payload(connection: Connection, told: Told, index: int, name: str, event_id: str = "") -> list[PayloadRow]:
    """The payload that an erasure named. Earlier ones tell no event's id: an index is taken only where whose it is agrees."""
    event = events.c.id == event_id if event_id else (events.c.index == index) & _whose(told)
    query = ALL_PAYLOADS.where(event, payloads.c.name == name, payloads.c.wrapped_key.is_not(None))
    return [PayloadRow(*row) for row in connection.execute(query)]


def _whose(told: Told) -> ColumnElement[bool]:
    """What an erasure was about: a subject, a request, or the request of an image. Retention finds its own again."""
    match told.body.get("scope"):
        case "subject":
            return payloads.c.subject == str(told.body["target"])
        case "request" | "image" if told.request_id:
            return events.c.request_id == told.request_id
        case _:
            return false()
