"""Erasing: the keys of payloads and images are destroyed, and with the last of a subject's, the subject's own.

Events stay as they are: they hold commitments and hashes, and everything still verifies. An erasure is itself an event. What a
legal hold covers is kept, and the event and the caller are told so; one that comes while an erasure is under way stops it.
Files go after the commit; what a crash leaves of them is without a key, and the next start sweeps it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, select, update

from limner.audit.administering import ERASED, administered
from limner.audit.event import Event
from limner.audit.events import IMAGE_OUTCOME
from limner.audit.legal_holds import held
from limner.audit.scope import Scope
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import events, fingerprints, images, outcomes, payloads, requests, subjects

ROWS_AT_ONCE = 500  # bound values in one statement

Forget = Callable[[Sequence[tuple[str, str]]], None]  # deletes image files, by (request id, image id)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that still has its key."""

    id: str
    request_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class PayloadRow:
    """A payload that still has its key. `request_id` and `event_id` are those of its event."""

    event: int
    name: str
    request_id: str
    subject: str
    event_id: str

    @property
    def told(self) -> list[object]:
        """As an event names it: the index is for people, and means another event in a record that went another way."""
        return [self.event, self.name, self.event_id]


@dataclass(frozen=True, slots=True)
class Erasable:
    """What goes: images, payloads, and the subject's own key where all of it goes. `kept_by` are the legal holds in the way."""

    images: tuple[ImageRow, ...]
    payloads: tuple[PayloadRow, ...]
    subject: str = ""
    kept_by: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to erase."""
        return not (self.images or self.payloads or self.subject)


def erasable(connection: Connection, scope: Scope) -> Erasable:
    """What an erasure of this scope would destroy now."""
    found_images = _images(connection, _IMAGES_OF[scope.kind](scope.target))
    found_payloads = _payloads(connection, _PAYLOADS_OF[scope.kind](scope.target))
    going = without_held(connection, found_images, found_payloads)
    alive = scope.kind == "subject" and _has_key(connection, scope.target)
    kept_by = tuple(sorted({*going.kept_by, *_holds_on(connection, scope.target)}))
    return Erasable(going.images, going.payloads, scope.target if alive and not kept_by else "", kept_by)


def without_held(connection: Connection, images: Iterable[ImageRow], payloads: Iterable[PayloadRow]) -> Erasable:
    """Of these, what no legal hold keeps."""
    holds = {hold.target: hold.id for hold in held(connection)}
    image_of_event = _image_events(connection, holds)
    kept_by: set[str] = set()

    def goes(*targets: str) -> bool:
        keeping = {holds[target] for target in targets if target in holds}
        kept_by.update(keeping)
        return not keeping

    going_images = tuple(row for row in images if goes(row.id, row.request_id, row.subject))
    going_payloads = tuple(
        row for row in payloads if goes(image_of_event.get(row.event, row.request_id), row.request_id, row.subject)
    )
    return Erasable(going_images, going_payloads, kept_by=tuple(sorted(kept_by)))


def erase(database: Database, writer: AuditWriter, scope: Scope, *, actor: str, reason: str, forget: Forget) -> Erasable:
    """Erase what the scope names, on the record; returns what went. `reason` is recorded in the clear: no personal data.

    Raises AuditError if the record cannot be written; then nothing is erased.
    """
    with database.reading() as connection:
        going = erasable(connection, scope)
    body = {"scope": scope.kind, "target": scope.target, "reason": reason, **_told(going)}
    event = administered(ERASED, actor, body, request_id=scope.request_id)
    destroy(database, writer, event, going, forget)
    return going


def destroy(
    database: Database, writer: AuditWriter, event: Event, going: Erasable, forget: Forget, *, heed_holds: bool = True
) -> None:
    """Destroy keys, and then files, together with the event that says so.

    `heed_holds` is false where it was done before, and the hold is only that of an older copy. Raises Refused, and destroys
    nothing, if a legal hold has come since it was seen what goes.
    """
    writer.append([event], [Destruction(event.id, going, heed_holds)]).result()
    forget([(image.request_id, image.id) for image in going.images])
    database.scrub()


@dataclass(frozen=True, slots=True)
class Destruction:
    """The change that destroys the keys."""

    event_id: str
    going: Erasable
    heed_holds: bool = True

    def __call__(self, connection: Connection) -> None:
        """Destroy them. Raises Refused if a legal hold has come meanwhile: the event would tell of what is kept."""
        if self.heed_holds:
            self._refuse_held(connection)
        index = connection.scalar(select(events.c.index).where(events.c.id == self.event_id))
        ids_of_all = [image.id for image in self.going.images]
        for start in range(0, len(ids_of_all), ROWS_AT_ONCE):
            ids = ids_of_all[start : start + ROWS_AT_ONCE]
            gone = {"state": "erased", "wrapped_key": None, "erased": index}
            connection.execute(update(images).where(images.c.id.in_(ids)).values(gone))
            connection.execute(delete(fingerprints).where(fingerprints.c.image_id.in_(ids)))
        for row in self.going.payloads:
            one = (payloads.c.event == row.event) & (payloads.c.name == row.name)
            connection.execute(update(payloads).where(one).values(wrapped_key=None, sealed=None))
        if self.going.subject:
            gone = {"lookup": None, "name": None, "wrapped_key": None}
            connection.execute(update(subjects).where(subjects.c.pseudonym == self.going.subject).values(gone))

    def _refuse_held(self, connection: Connection) -> None:
        kept_by = without_held(connection, self.going.images, self.going.payloads).kept_by
        if come := {*kept_by, *_holds_on(connection, self.going.subject)}:
            what = f"a legal hold has come meanwhile, and nothing was erased: {', '.join(sorted(come))}"
            raise Refused(what, fix="erase again: what the hold covers is then left out")


def _told(going: Erasable) -> dict[str, object]:
    return {
        "images": [image.id for image in going.images],
        "payloads": [row.told for row in going.payloads],
        "subject_key": bool(going.subject),
        "kept_by": list(going.kept_by),
    }


def _holds_on(connection: Connection, target: str) -> list[str]:
    return [hold.id for hold in held(connection) if hold.target == target]


def _has_key(connection: Connection, pseudonym: str) -> bool:
    query = select(subjects.c.wrapped_key).where(subjects.c.pseudonym == pseudonym)
    return connection.scalar(query) is not None


def _image_events(connection: Connection, holds: dict[str, str]) -> dict[int, str]:
    """The outcome events of images that are themselves on hold: their fingerprints are kept with them."""
    query = select(outcomes.c.event, images.c.id).where(
        outcomes.c.request_id == images.c.request_id, outcomes.c.image == images.c.image, images.c.id.in_(list(holds))
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _images(connection: Connection, query: Select[str, str, str]) -> list[ImageRow]:
    rows = connection.execute(query.where(images.c.wrapped_key.is_not(None)))
    return [ImageRow(id, request_id, subject) for id, request_id, subject in rows]


def _payloads(connection: Connection, query: Select[int, str, str, str, str]) -> list[PayloadRow]:
    return [PayloadRow(*row) for row in connection.execute(query.where(payloads.c.wrapped_key.is_not(None)))]


ALL_IMAGES = select(images.c.id, images.c.request_id, images.c.subject)
ALL_PAYLOADS = select(payloads.c.event, payloads.c.name, events.c.request_id, payloads.c.subject, events.c.id).where(
    payloads.c.event == events.c.index
)
_IMAGES_OF: dict[str, Callable[[str], Select[str, str, str]]] = {
    "subject": lambda pseudonym: ALL_IMAGES.where(images.c.subject == pseudonym),
    "request": lambda id: ALL_IMAGES.where(images.c.request_id == id),
    "image": lambda id: ALL_IMAGES.where(images.c.id == id),
}
_PAYLOADS_OF: dict[str, Callable[[str], Select[int, str, str, str, str]]] = {
    "subject": lambda pseudonym: ALL_PAYLOADS.where(payloads.c.subject == pseudonym),
    "request": lambda id: ALL_PAYLOADS.where(
        requests.c.id == id, events.c.request_id == id, payloads.c.subject == requests.c.subject
    ),
    "image": lambda id: ALL_PAYLOADS.where(
        images.c.id == id,
        outcomes.c.request_id == images.c.request_id,
        outcomes.c.image == images.c.image,
        events.c.index == outcomes.c.event,
        events.c.kind == IMAGE_OUTCOME,
    ),
}
