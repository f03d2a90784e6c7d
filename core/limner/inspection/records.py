"""Where an image stands on the record, found by each thing that may lead there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from limner.audit.events import IMAGE_RECALLED
from limner.audit.recorded import as_recorded
from limner.database.connection import Database
from limner.database.tables import events, images, outcomes, requests


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """When an image was erased or recalled, and why, as whoever did it put it; by retention the reason is its class."""

    time: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One image on the record. `image_id` is empty where no file was ever kept; `erasure` is there once it is gone,
    and `recall` once it was recalled.

    `state` is that of the kept file (`released`, `held`, `recalled`, `erased`, ...), or the outcome where none was kept.
    """

    request_id: str
    index: int
    state: str
    time: str
    task: str
    pipeline: str
    policy: str
    policy_revision: str
    mark_id: int | None
    image_id: str = ""
    erasure: Withdrawal | None = None
    recall: Withdrawal | None = None

    @property
    def live(self) -> bool:
        """Whether the image can still be looked at."""
        return bool(self.image_id) and self.erasure is None


def by_mark(database: Database, mark_id: int) -> tuple[Standing, ...]:
    """The images that carry this mark: one, or by rare chance more."""
    return _where(database, outcomes.c.mark_id == mark_id)


def by_ids(database: Database, request_id: str, index: int | None) -> tuple[Standing, ...]:
    """The image of this index in this request."""
    return _where(database, (outcomes.c.request_id == request_id) & (outcomes.c.image == index)) if index is not None else ()


def by_file(database: Database, sha256: str) -> tuple[Standing, ...]:
    """The images whose file, as delivered, has this hash."""
    return _where(database, images.c.sha256 == sha256)


def _where(database: Database, condition: ColumnElement[bool]) -> tuple[Standing, ...]:
    same = (images.c.request_id == outcomes.c.request_id) & (images.c.image == outcomes.c.image)
    kept = (images.c.id.label("image_id"), images.c.state, images.c.wrapped_key, images.c.erased)
    query = (
        select(outcomes, requests.c.event.label("accepted"), requests.c.time, requests.c.task, requests.c.pipeline, *kept)
        .join(requests, requests.c.id == outcomes.c.request_id)
        .outerjoin(images, same)
        .where(condition)
        .order_by(outcomes.c.event)
    )
    with database.reading() as connection:
        return tuple(_standing(connection, row) for row in connection.execute(query))


def _standing(connection: Connection, row: Any) -> Standing:  # a row of the query above
    with as_recorded(row.accepted):
        policy = _body(connection, row.accepted)["policy"]
        name, revision = policy["name"], policy["revision"]
    return Standing(
        request_id=row.request_id,
        index=row.image,
        state=row.state or row.outcome,
        time=row.time,
        task=row.task,
        pipeline=row.pipeline,
        policy=name,
        policy_revision=revision,
        mark_id=row.mark_id,
        image_id=row.image_id or "",
        erasure=_erasure(connection, row) if row.image_id and row.wrapped_key is None else None,
        recall=_recall(connection, row),
    )


def _erasure(connection: Connection, row: Any) -> Withdrawal:  # as `_standing`
    if row.erased is None:
        return Withdrawal("", "")
    event = connection.execute(select(events.c.time, events.c.canonical).where(events.c.index == row.erased)).one()
    with as_recorded(row.erased):
        return _withdrawal(event.time, json.loads(event.canonical)["body"])


def _recall(connection: Connection, row: Any) -> Withdrawal | None:  # as `_standing`
    of_request = select(events.c.index, events.c.time, events.c.canonical).where(
        events.c.request_id == row.request_id, events.c.kind == IMAGE_RECALLED
    )
    for index, time, data in connection.execute(of_request.order_by(events.c.index.desc())):
        with as_recorded(index):
            body = json.loads(data)["body"]
            if body["index"] == row.image:
                return _withdrawal(time, body)
    return None


def _withdrawal(time: str, body: dict[str, Any]) -> Withdrawal:  # JSON
    return Withdrawal(time, str(body.get("reason") or body.get("class") or ""))


def _body(connection: Connection, index: int) -> dict[str, Any]:  # JSON
    body: dict[str, Any] = json.loads(
        connection.execute(select(events.c.canonical).where(events.c.index == index)).scalar_one()
    )["body"]
    return body
