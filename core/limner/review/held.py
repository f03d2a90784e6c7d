"""What is held, as the database has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, String, and_, cast, func, select

from limner.audit.reading import find_named
from limner.database.connection import Database
from limner.database.tables import approvals, holds, images, requests
from limner.errors import UsageError
from limner.generation import Gate

HoldState = Literal["waiting", "released", "withheld"]
SHORTEST_ID = 4  # characters of a hold's id that may name it


@dataclass(frozen=True, slots=True)
class Hold:
    """One input or image that waits, or has waited, for a reviewer.

    `image_id` is its file in the image store, empty for an input, of which nothing is made yet; `subject` the pseudonym of who
    asked; `approvals` how many of the two have agreed, where it takes two.
    """

    id: str
    request_id: str
    index: int
    gate: Gate
    state: HoldState
    time: str
    category: str
    rules: tuple[str, ...]
    four_eyes: bool
    subject: str
    image_id: str
    approvals: int

    @property
    def is_input(self) -> bool:
        """Whether nothing was made yet: the request itself is held."""
        return not self.image_id

    def to_json(self) -> dict[str, Any]:  # JSON
        """The hold as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def waiting(database: Database, *, limit: int = 100) -> tuple[Hold, ...]:
    """What waits, the longest first."""
    return _holds(database, holds.c.state == "waiting", limit)


def find(database: Database, word: str) -> tuple[Hold, ...]:
    """The holds that a word names: a hold, a request, or `request/image`, by id or by how that begins. Raises UsageError."""
    request, of_one, index = word.partition("/")
    with database.reading() as connection:
        named = find_named(connection, request)
    id = named[0] if named else request
    if of_one:
        condition = and_(holds.c.request_id == id, cast(holds.c.image, String) == index)
    elif len(word) >= SHORTEST_ID:
        condition = (holds.c.request_id == id) | holds.c.id.startswith(word, autoescape=True)
    else:
        condition = holds.c.id == word
    found = _holds(database, condition, 100)
    several = {hold.request_id for hold in found}
    if len(several) > 1:
        raise UsageError(f"{word!r} names {len(found)} holds", fix="write more of the id: limner review list")
    if not found:
        what = f"nothing of request {id} is held" if named else f"nothing is held as {word!r}"
        raise UsageError(what, fix="limner review list shows what waits")
    return found


def _holds(database: Database, condition: ColumnElement[bool], limit: int) -> tuple[Hold, ...]:
    agreed = select(func.count()).where(approvals.c.hold_id == holds.c.id).scalar_subquery()
    kept = select(images.c.id).where(images.c.request_id == holds.c.request_id, images.c.image == holds.c.image)
    query = (
        select(holds, requests.c.subject, kept.scalar_subquery().label("image_id"), agreed.label("approvals"))
        .join(requests, requests.c.id == holds.c.request_id)
        .where(condition)
        .order_by(holds.c.time, holds.c.request_id, holds.c.image)
        .limit(limit)
    )
    with database.reading() as connection:
        return tuple(_hold(row) for row in connection.execute(query).mappings())


def _hold(row: Any) -> Hold:  # a RowMapping
    rules: Sequence[str] = json.loads(row["rules"] or "[]")
    return Hold(
        id=row["id"],
        request_id=row["request_id"],
        index=row["image"],
        gate=row["gate"],
        state=row["state"],
        time=row["time"] or "",
        category=row["category"] or "",
        rules=tuple(rules),
        four_eyes=bool(row["four_eyes"]),
        subject=row["subject"],
        image_id=row["image_id"] or "",
        approvals=row["approvals"],
    )
