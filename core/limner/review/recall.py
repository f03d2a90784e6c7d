"""Recall: released images are withdrawn. Their files are no longer given out, and the record says who did it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, String, and_, cast, select, update

from limner.audit.event import Event, plain
from limner.audit.events import IMAGE_RECALLED
from limner.audit.reading import find_named
from limner.audit.scope import find_image
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import images, requests
from limner.database.timestamp import moment
from limner.errors import UsageError
from limner.yaml_problems import did_you_mean

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

    One word is a request, `request/image`, or an image, by its id or by how that begins. Otherwise each is a condition, and all
    must hold: `pipeline=`, `policy=`, `cohort=`, `task=`, `sha256=`, `pixels=`, `since=` and `until=`. Raises UsageError.
    """
    found = (
        select(images.c.id, images.c.request_id, images.c.image, requests.c.time)
        .join(requests, requests.c.id == images.c.request_id)
        .where(images.c.state.in_(("released", "held") if held else ("released",)))
        .order_by(requests.c.event, images.c.image)
    )
    with database.reading() as connection:
        found = found.where(*(_condition(connection, word) for word in query))
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


def _condition(connection: Connection, word: str) -> ColumnElement[bool]:
    name, equals, value = word.partition("=")
    if not equals:
        return _named(connection, word)
    if name in ("since", "until"):
        at = moment(value, ago=True)
        return requests.c.time >= at if name == "since" else requests.c.time < at
    if name not in COLUMNS:
        raise UsageError(f"{name!r} is nothing to recall by", fix=did_you_mean(name, (*COLUMNS, "since", "until")))
    return COLUMNS[name] == value


def _named(connection: Connection, word: str) -> ColumnElement[bool]:
    request, of_one, index = word.partition("/")
    if named := find_named(connection, request):
        of_request = images.c.request_id == named[0]
        return and_(of_request, cast(images.c.image, String) == index) if of_one else of_request
    image = find_image(connection, word)
    return images.c.id == (image.target if image else word)
