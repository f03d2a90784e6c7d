"""Where each image of a request stands now: its outcome, and what has become of it since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select

from limner.audit.events import REVIEWED
from limner.database.tables import events, holds, images, outcomes, requests
from limner.readings import mark_text

State = Literal[
    "under way",
    "released",
    "held",
    "withheld",
    "failed",
    "cancelled",
    "abandoned",  # so far outcomes, which stand
    "run on",  # it was held before it was made, and a reviewer released it: another request made it
    "recalled",
    "quarantined",
    "erased",
]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """An image of a request: `outcome` is the one on the record, None while it is under way, and `state` how it stands now.

    `reviewed` says that a reviewer released it; `run_on_as` is the id of the request that then made it, where it was the input
    that was held.
    """

    index: int
    outcome: str | None = None
    state: State = "under way"
    mark_id: int | None = None
    reviewed: bool = False
    run_on_as: str = ""

    @property
    def mark(self) -> str | None:
        """The mark id as people read it."""
        return None if self.mark_id is None else mark_text(self.mark_id)

    @property
    def told(self) -> str:
        """In a few words."""
        if self.state == "run on":
            return f"released by review, run on as {self.run_on_as[:8] or 'another request'}"
        if self.state in ("recalled", "erased"):
            return f"{self.state} (was {self.outcome})"
        if self.state == "quarantined":
            return f"{self.outcome}, in quarantine"
        return "released by review" if self.reviewed and self.state == "released" else self.state

    def to_json(self) -> dict[str, Any]:  # JSON
        """The image as JSON values."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "mark": self.mark}


def whereabouts(connection: Connection, sizes: Mapping[str, int]) -> dict[str, tuple[Whereabouts, ...]]:
    """By request, each of its images; `sizes` says how many a request asks for."""
    known = {(id, image.index): image for id, image in ended(connection, requests.c.id.in_(list(sizes)))}
    run_on = _run_on_as(connection, {id for (id, _), image in known.items() if image.state == "run on"})
    return {id: tuple(_found(known, run_on, (id, index)) for index in range(size)) for id, size in sizes.items()}


def ended(connection: Connection, where: ColumnElement[bool]) -> Iterator[tuple[str, Whereabouts]]:
    """The images that have an outcome, of the requests that meet a condition, each with its request's id.

    What they run on as is not looked up.
    """
    of_image = (images.c.request_id == outcomes.c.request_id) & (images.c.image == outcomes.c.image)
    of_hold = (holds.c.request_id == outcomes.c.request_id) & (holds.c.image == outcomes.c.image)
    query = (
        select(outcomes, images.c.state, holds.c.state.label("hold"))
        .join(requests, requests.c.id == outcomes.c.request_id)
        .outerjoin(images, of_image)
        .outerjoin(holds, of_hold)
        .where(where)
    )
    for row in connection.execute(query):
        state, reviewed = _state(row.outcome, row.state, row.hold), row.hold == "released"
        yield row.request_id, Whereabouts(row.image, row.outcome, state, row.mark_id, reviewed)


def _state(outcome: State, kept: State | None, hold: str | None) -> State:
    if kept == "recalled" or kept == "quarantined":
        return kept
    if kept == "erased" and outcome != "withheld":  # what is withheld is destroyed as a matter of course
        return "erased"
    if outcome == "held" and hold == "released":
        return "run on"
    return outcome


def _found(
    known: Mapping[tuple[str, int], Whereabouts], run_on: Mapping[tuple[str, int], str], at: tuple[str, int]
) -> Whereabouts:
    image = known.get(at, Whereabouts(at[1]))
    return replace(image, run_on_as=run_on[at]) if at in run_on else image


def _run_on_as(connection: Connection, ids: Iterable[str]) -> dict[tuple[str, int], str]:
    """By request and image, what a reviewer's word says that it runs on as. What cannot be read is found elsewhere."""
    query = select(events.c.request_id, events.c.canonical)
    found = {}
    for id, data in connection.execute(query.where(events.c.kind == REVIEWED, events.c.request_id.in_(list(ids)))):
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(data)["body"]
            if said["resumed_as"]:
                found[id, int(said["index"])] = str(said["resumed_as"])
    return found
