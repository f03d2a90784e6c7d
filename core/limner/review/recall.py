"""Recall: released images are withdrawn. Their files are no longer given out, and the record says who did it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select, update

from limner.audit.event import Event, plain
from limner.audit.events import IMAGE_RECALLED
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import images, requests
from limner.database.timestamp import moment
from limner.errors import UsageError
from limner.yaml_problems import did_you_mean

SHORTEST_ID = 8  # characters of an image's id that may name it
COLUMNS: Mapping[str, ColumnElement[str]] = {
    "pipeline": requests.c.pipeline,
    "policy": requests.c.policy,
    "cohort": requests.c.cohort,
    "task": requests.c.task,
    "sha256": images.c.sha256,
    "pixels": images.c.pixels_sha256,
}


@dataclass(frozen=True, slots=True)
class Recalled:
    """An image that a recall is about."""

    image_id: str
    request_id: str
    index: int
    time: str


def matching(database: Database, query: Sequence[str], *, held: bool = False) -> tuple[Recalled, ...]:
    """The released images that a query names, the oldest first; with `held` also those that wait for a reviewer.

    One word is the id of a request, `request/image`, or an image's id or how it begins. Otherwise each is a condition, and all
    must hold: `pipeline=`, `policy=`, `cohort=`, `task=`, `sha256=`, `pixels=`, `since=` and `until=`. Raises UsageError.
    """
    condition = and_(*(_condition(word) for word in query))
    found = (
        select(images.c.id, images.c.request_id, images.c.image, requests.c.time)
        .join(requests, requests.c.id == images.c.request_id)
        .where(images.c.state.in_(("released", "held") if held else ("released",)), condition)
        .order_by(requests.c.event, images.c.image)
    )
    with database.reading() as connection:
        return tuple(Recalled(*row) for row in connection.execute(found))


def recall(writer: AuditWriter, found: Sequence[Recalled], *, actor: str, reason: str, again: str = "") -> None:
    """Withdraw these images, all or none; one that is held can then not be released any more.

    `again` is the id of the event that this one repeats after a restore. Raises UsageError without a reason.
    """
    if not reason.strip():
        raise UsageError("a recall needs a reason", where="--reason")
    repeats = {"again": again} if again else {}
    bodies = [(image, {"index": image.index, "image": image.image_id, "reason": reason, **repeats}) for image in found]
    events = [Event(IMAGE_RECALLED, image.request_id, plain(body), subject=actor) for image, body in bodies]
    standing = update(images).where(images.c.state.in_(("released", "held")))  # one that was erased meanwhile stays so
    withdraw = [standing.where(images.c.id == image.image_id).values(state="recalled") for image in found]
    if events:
        writer.append(events, withdraw).result()


def _condition(word: str) -> ColumnElement[bool]:
    name, equals, value = word.partition("=")
    if not equals:
        return _named(word)
    if name in ("since", "until"):
        at = moment(value, ago=True)
        return requests.c.time >= at if name == "since" else requests.c.time < at
    if name not in COLUMNS:
        raise UsageError(f"{name!r} is nothing to recall by", fix=did_you_mean(name, (*COLUMNS, "since", "until")))
    return COLUMNS[name] == value


def _named(word: str) -> ColumnElement[bool]:
    request, _, index = word.partition("/")
    if index.isdigit():
        return and_(images.c.request_id == request, images.c.image == int(index))
    if len(word) < SHORTEST_ID:
        return or_(images.c.request_id == word, images.c.id == word)
    return or_(images.c.request_id == word, images.c.id.startswith(word, autoescape=True))
