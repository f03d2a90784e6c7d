"""The images of a request that are kept, and why nobody is given some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from limner.database.connection import Database
from limner.database.tables import fingerprints, images
from limner.deny import listed
from limner.images.fingerprint import distance
from limner.images.likeness import ALIKE, unsigned


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that is kept of a request. `kept_back` says why nobody is given it, and is empty where it is given out.

    `state` is that of its row: `released`, `held`, `recalled`, ...
    """

    id: str
    index: int
    format: str
    state: str = "released"
    kept_back: str = ""

    @property
    def name(self) -> str:
        """The name of its file in a pack."""
        return f"images/{self.index}-{self.id}.{self.format}"


def pictures(database: Database, request_id: str) -> tuple[Picture, ...]:
    """The images that are kept of a request and not erased."""
    denied = [int(denial.value, 16) for denial in listed(database) if denial.kind == "image"]
    columns = (images.c.id, images.c.image, images.c.format, images.c.state, fingerprints.c.fingerprint)
    query = select(*columns).outerjoin(fingerprints, fingerprints.c.image_id == images.c.id).order_by(images.c.image)
    with database.reading() as connection:
        rows = connection.execute(query.where(images.c.request_id == request_id, images.c.wrapped_key.is_not(None))).all()
    return tuple(Picture(id, index, format, state, _kept_back(state, seen, denied)) for id, index, format, state, seen in rows)


def _kept_back(state: str, seen: int | None, denied: Sequence[int]) -> str:
    if state != "released":
        return state
    alike = denied and (seen is None or any(distance(unsigned(seen), one) <= ALIKE for one in denied))
    return "denied" if alike else ""
