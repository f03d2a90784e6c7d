"""Closing what dead processes left open, so that no request stays without an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select

from limner.audit.events import image_outcome, request_closed
from limner.audit.leases import Leases
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import outcomes, requests
from limner.generation import Outcome


@dataclass(frozen=True, slots=True)
class _Open:
    """A request that nobody has closed yet."""

    id: str
    lease: str
    n: int


def recover(database: Database, writer: AuditWriter, leases: Leases) -> tuple[str, ...]:
    """Close every request whose process is dead: images without an outcome end as `abandoned`. Returns the requests' ids.

    Several processes may do so at once; each request is closed once. Raises AuditError if the record cannot be written.
    """
    left_open = _open_requests(database)
    dead = {lease for lease in {request.lease for request in left_open} if not leases.is_held(lease)}
    return tuple(request.id for request in left_open if request.lease in dead and _close(database, writer, request))


def _close(database: Database, writer: AuditWriter, request: _Open) -> bool:
    """Whether it was us who closed it. The last commit of the dead process may still come in between: then look again."""
    while request in _open_requests(database):
        ended = _outcomes(database, request.id)
        missing = [index for index in range(request.n) if index not in ended]
        final: list[Outcome] = [ended.get(index, "abandoned") for index in range(request.n)]
        abandoned = [image_outcome(request.id, index, "abandoned", reason="process died") for index in missing]
        try:
            writer.append([*abandoned, request_closed(request.id, final, reason="process died")]).result()
        except Refused:
            continue
        return True
    return False


def _open_requests(database: Database) -> list[_Open]:
    query = select(requests.c.id, requests.c.lease, requests.c.n).where(requests.c.closed.is_(None)).order_by(requests.c.event)
    with database.reading() as connection:
        return [_Open(id, lease, n) for id, lease, n in connection.execute(query)]


def _outcomes(database: Database, request_id: str) -> Mapping[int, Outcome]:
    query = select(outcomes.c.image, outcomes.c.outcome).where(outcomes.c.request_id == request_id)
    with database.reading() as connection:
        return {image: cast(Outcome, outcome) for image, outcome in connection.execute(query)}
