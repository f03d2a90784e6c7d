"""Whether the tables that follow from the events still do: what decides if an image is given out must be what was recorded."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from limner.audit.events import IMAGE_OUTCOME, IMAGE_RECALLED
from limner.audit.verifier import Finding
from limner.database.tables import events, images, outcomes

Place = tuple[str, int]  # a request's id, and an image's index in it


def disagreements(connection: Connection) -> list[Finding]:
    """Outcomes, and images open to be given out, that are not what the last event about them says."""
    last = _last(connection, IMAGE_OUTCOME)
    query = select(outcomes.c.request_id, outcomes.c.image, outcomes.c.outcome, outcomes.c.event)
    standing = {(request, image): (outcome, event) for request, image, outcome, event in connection.execute(query)}
    findings = [
        _finding(f"the table of outcomes has {standing.get(place, ('nothing', 0))[0]!r} for {_named(place)}", index)
        for place, (index, body) in last.items()
        if standing.get(place) != (body["outcome"], index)
    ]
    findings += [
        _finding(f"the table of outcomes has {outcome!r} for {_named(place)}, which has none on the record", event)
        for place, (outcome, event) in standing.items()
        if place not in last
    ]
    return findings + _given_out(connection, last)


def _given_out(connection: Connection, last: dict[Place, tuple[int, dict[str, Any]]]) -> list[Finding]:
    query = select(images.c.id, images.c.request_id, images.c.image).where(images.c.state == "released")
    recalled = _last(connection, IMAGE_RECALLED)
    findings = []
    for id, request, image in connection.execute(query):
        index, body = last.get((request, image), (None, {}))
        if body.get("outcome") != "released":
            what = f"image {id} stands as released, and the record says {body.get('outcome', 'nothing')!r}"
            findings.append(_finding(what, index))
        elif (request, image) in recalled:
            what = f"image {id} stands as released, and the record says it was recalled"
            findings.append(_finding(what, recalled[request, image][0]))
    return findings


def _last(connection: Connection, kind: str) -> dict[Place, tuple[int, dict[str, Any]]]:
    """By image, the index and body of the last event of a kind about it. What cannot be read is found elsewhere."""
    query = select(events.c.index, events.c.request_id, events.c.canonical).where(events.c.kind == kind)
    found = {}
    for index, request, data in connection.execute(query.order_by(events.c.index)):
        try:
            body = json.loads(data)["body"]
            found[request, body["index"]] = index, body
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _finding(what: str, index: int | None) -> Finding:
    return Finding("table", what, index, index)


def _named(place: Place) -> str:
    return f"image {place[1]} of request {place[0]}"
