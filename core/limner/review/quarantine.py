"""The end of quarantine: images whose time is over are destroyed, on the record, unless a legal hold keeps them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from limner.audit.erasing import Erasable, ImageRow, destroy, without_held
from limner.audit.event import Event
from limner.audit.events import QUARANTINE_EXPIRED
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import images, quarantine
from limner.database.timestamp import timestamp
from limner.images.store import ImageStore


def expire(database: Database, writer: AuditWriter, store: ImageStore) -> tuple[str, ...]:
    """Destroy the images whose time in quarantine is over; their ids. All of them are one event of the record."""
    with database.reading() as connection:
        going = without_held(connection, _over(connection), ())
    ids = tuple(image.id for image in going.images)
    if ids:
        event = Event(QUARANTINE_EXPIRED, "", {"images": list(ids)})
        destroy(database, writer, event, Erasable(going.images, ()), store.forget)
    return ids


def _over(connection: Connection) -> list[ImageRow]:
    columns = select(images.c.id, images.c.request_id, images.c.subject)
    of_quarantine = columns.join(quarantine, quarantine.c.image_id == images.c.id)
    query = of_quarantine.where(quarantine.c.until <= timestamp(), images.c.wrapped_key.is_not(None))
    return [ImageRow(row.id, row.request_id, row.subject) for row in connection.execute(query)]
