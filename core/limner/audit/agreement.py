"""Whether the tables that follow from the events still do.

What decides if an image is given out, refused or kept must be what was recorded: outcomes, images open to be given out, the
images that are kept and those that were erased, the deny list, legal holds, what waits for reviewers, and how many of them have
agreed. What takes two must have had two.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from limner.audit.administering import ERASED, HOLD_LIFTED, HOLD_PLACED, RETAINED
from limner.audit.events import DENY_ADDED, DENY_REMOVED, IMAGE_OUTCOME, IMAGE_RECALLED, QUARANTINE_EXPIRED, REVIEWED
from limner.audit.verifier import Finding
from limner.database.tables import approvals, denials, events, holds, images, legal_holds, outcomes, subjects

ERASING = (ERASED, RETAINED, QUARANTINE_EXPIRED)
FOLLOWED = (IMAGE_OUTCOME, IMAGE_RECALLED, DENY_ADDED, DENY_REMOVED, HOLD_PLACED, HOLD_LIFTED, REVIEWED, *ERASING)
DENIAL = ("kind", "value", "reason", "expires")  # columns that the event repeats
LEGAL_HOLD = ("scope", "target")
HELD = ("gate", "category", "four_eyes")
DECIDED = {"release": "released", "withhold": "withheld"}  # the state of a hold after a reviewer's word

Place = tuple[str, int]  # a request's id, and an image's index in it


class _Said(NamedTuple):
    """One event that tables follow."""

    place: int  # its index
    kind: str
    request: str
    subject: str  # the pseudonym of who acted, empty where nobody did
    body: dict[str, Any]  # JSON


class _Entry(NamedTuple):
    """A row as the events say it should be: `place` is the index of the last of them, `row` the columns that they tell."""

    place: int
    row: Mapping[str, Any]


def disagreements(connection: Connection) -> list[Finding]:
    """Rows that are not what the last event about them says, that no event says, or that are gone."""
    said = _said(connection)
    return [
        *_outcomes(connection, said),
        *_given_out(connection, said),
        *_kept(connection, said),
        *_compared("the deny list", _deny_list(said), _denials(connection)),
        *_compared("the legal holds", _legally_held(said), _legal_holds(connection)),
        *_compared("what is held for review", held := _held(said), _holds(connection, said)),
        *_agreed(connection, said),
        *_released_by_one(held, said),
    ]


def _said(connection: Connection) -> list[_Said]:
    """The events that tables follow, in order. What cannot be read is found elsewhere."""
    query = select(events.c.index, events.c.kind, events.c.request_id, events.c.canonical)
    found = []
    for index, kind, request, data in connection.execute(query.where(events.c.kind.in_(FOLLOWED)).order_by(events.c.index)):
        with suppress(ValueError, KeyError, TypeError):
            event = json.loads(data)
            if isinstance(event["body"], dict):
                found.append(_Said(index, kind, request, str(event.get("subject", "")), event["body"]))
    return found


def _outcomes(connection: Connection, said: Sequence[_Said]) -> list[Finding]:
    last = _last(said, IMAGE_OUTCOME)
    query = select(outcomes.c.request_id, outcomes.c.image, outcomes.c.outcome, outcomes.c.event)
    standing = {(request, image): (outcome, event) for request, image, outcome, event in connection.execute(query)}
    findings = [
        _finding(f"the table of outcomes has {standing.get(place, ('nothing', 0))[0]!r} for {_named(place)}", one.place)
        for place, one in last.items()
        if standing.get(place) != (one.body.get("outcome"), one.place)
    ]
    return findings + [
        _finding(f"the table of outcomes has {outcome!r} for {_named(place)}, which has none on the record", event)
        for place, (outcome, event) in standing.items()
        if place not in last
    ]


def _given_out(connection: Connection, said: Sequence[_Said]) -> list[Finding]:
    last, recalled = _last(said, IMAGE_OUTCOME), _last(said, IMAGE_RECALLED)
    query = select(images.c.id, images.c.request_id, images.c.image).where(images.c.state == "released")
    findings = []
    for id, request, image in connection.execute(query):
        ended = last.get((request, image))
        outcome = ended.body.get("outcome") if ended else "nothing"
        if outcome != "released":
            what = f"image {id} stands as released, and the record says {outcome!r}"
            findings.append(_finding(what, ended.place if ended else None))
        elif (request, image) in recalled:
            what = f"image {id} stands as released, and the record says it was recalled"
            findings.append(_finding(what, recalled[request, image].place))
    return findings


def _kept(connection: Connection, said: Sequence[_Said]) -> Iterator[Finding]:
    """Kept images whose row is gone, is of another file, or has lost its key or its subject's though no event erased it."""
    erased = {id for one in said if one.kind in ERASING for id in one.body.get("images", ()) if isinstance(id, str)}
    erased |= {str(one.body.get("target")) for one in said if one.kind in ERASING and one.body.get("subject_key")}
    keys = images.c.wrapped_key.is_not(None), images.c.subject, subjects.c.wrapped_key.is_not(None)
    query = select(images.c.id, images.c.sha256, *keys).outerjoin(subjects, subjects.c.pseudonym == images.c.subject)
    rows = {id: (sha256, *keys) for id, sha256, *keys in connection.execute(query)}
    for one in _last(said, IMAGE_OUTCOME).values():
        id, file = one.body.get("image"), one.body.get("file")
        if not id or not isinstance(file, dict):
            continue
        sha256, has_key, subject, subject_has = rows.get(id, ("", False, "", False))
        if not sha256:
            yield _finding(f"image {id}, which the record has, is not there", one.place)
        elif sha256 != file.get("sha256"):
            yield _finding(f"image {id} stands there as another file than the record says", one.place)
        elif not has_key and id not in erased:
            yield _finding(f"image {id} has lost its key, and the record has no erasure of it", one.place)
        elif not subject_has and not {id, subject} & erased:
            what = f"image {id} cannot be read: the key of its subject is gone, and the record has no erasure of that"
            yield _finding(what, one.place)


def _last(said: Sequence[_Said], kind: str) -> dict[Place, _Said]:
    """By image, the last event of a kind about it."""
    found = {}
    for one in said:
        with suppress(KeyError, TypeError):
            if one.kind == kind:
                found[one.request, one.body["index"]] = one
    return found


def _deny_list(said: Sequence[_Said]) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for one in said:
        with suppress(KeyError, TypeError):
            if one.kind == DENY_ADDED:
                row = {name: one.body[name] for name in DENIAL}
                entries[one.body["denial"]] = _Entry(one.place, {**row, "stands": True})
            elif one.kind == DENY_REMOVED:
                row = {name: value for name, value in entries[one.body["denial"]].row.items() if name in DENIAL}
                entries[one.body["denial"]] = _Entry(one.place, {**row, "stands": False})
    return entries


def _denials(connection: Connection) -> Iterable[Mapping[str, Any]]:  # columns
    columns = [denials.c[name] for name in DENIAL]
    query = select(denials.c.id, *columns, denials.c.removed.is_(None).label("stands"))
    return connection.execute(query.order_by(denials.c.id)).mappings()  # type: ignore[return-value]  # names are texts


def _legally_held(said: Sequence[_Said]) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for one in said:
        with suppress(KeyError, TypeError):
            if one.kind == HOLD_PLACED:
                row = {name: one.body[name] for name in LEGAL_HOLD}
                entries[one.body["hold"]] = _Entry(one.place, {**row, "state": "placed"})
            elif one.kind == HOLD_LIFTED:
                entries[one.body["hold"]] = _Entry(one.place, {**entries[one.body["hold"]].row, "state": "lifted"})
    return entries


def _legal_holds(connection: Connection) -> Iterable[Mapping[str, Any]]:  # columns
    columns = [legal_holds.c[name] for name in (*LEGAL_HOLD, "state")]
    query = select(legal_holds.c.id, *columns).order_by(legal_holds.c.id)
    return connection.execute(query).mappings()  # type: ignore[return-value]  # names are texts


def _held(said: Sequence[_Said]) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for one in said:
        with suppress(KeyError, TypeError):
            if one.kind == IMAGE_OUTCOME and "held" in one.body:
                told = one.body["held"]
                row = {"request_id": one.request, "image": one.body["index"], "rules": json.dumps(told["rules"])}
                row |= {name: told[name] for name in HELD}
                entries[told["hold"]] = _Entry(one.place, {**row, "state": "waiting"})
            elif one.kind == REVIEWED and one.body["action"] in DECIDED:
                row = {**entries[one.body["hold"]].row, "state": DECIDED[one.body["action"]]}
                entries[one.body["hold"]] = _Entry(one.place, row)
    return entries


def _holds(connection: Connection, said: Sequence[_Said]) -> Iterator[Mapping[str, Any]]:  # columns
    """The holds that their events tell of; those of earlier versions do not."""
    told = _last(said[::-1], IMAGE_OUTCOME)  # of each image the first, as those that follow are a reviewer's
    columns = [holds.c[name] for name in ("id", "request_id", "image", "rules", "state", *HELD)]
    for row in connection.execute(select(*columns).order_by(holds.c.id)).mappings():
        first = told.get((row["request_id"], row["image"]))
        if first is None or "held" in first.body or first.body.get("outcome") != "held":
            yield row  # type: ignore[misc]  # names are texts


def _compared(table: str, entries: Mapping[str, _Entry], rows: Iterable[Mapping[str, Any]]) -> list[Finding]:
    found = {row["id"]: row for row in rows}
    findings = []
    for id, entry in entries.items():
        if id not in found:
            findings.append(_finding(f"entry {id} of {table}, which the record has, is not there", entry.place))
        elif other := [name for name, value in entry.row.items() if found[id][name] != value]:
            findings.append(_finding(f"entry {id} of {table} is not as the record has it: {', '.join(other)}", entry.place))
    unknown = [id for id in found if id not in entries]
    return findings + [_finding(f"entry {id} of {table} is not on the record", None) for id in unknown]


def _agreed(connection: Connection, said: Sequence[_Said]) -> list[Finding]:
    """Holds that more or fewer reviewers agree to release than have said so."""
    agreeing = [one.body.get("hold") for one in said if one.kind == REVIEWED and one.body.get("action") == "agree"]
    expected = Counter(hold for hold in agreeing if isinstance(hold, str))  # anything else was put there, and is found as such
    query = select(approvals.c.hold_id, func.count()).group_by(approvals.c.hold_id)
    found = Counter({row[0]: row[1] for row in connection.execute(query)})
    return [
        _finding(f"hold {hold} has {found[hold]} reviewers who agree, and the record says {expected[hold]}", None)
        for hold in sorted(expected.keys() | found.keys())
        if found[hold] != expected[hold]
    ]


def _released_by_one(held: Mapping[str, _Entry], said: Sequence[_Said]) -> Iterator[Finding]:
    """What takes two reviewers, and was released by one."""
    agreed: defaultdict[str, set[str]] = defaultdict(set)
    for one in said:
        action, hold = one.body.get("action"), str(one.body.get("hold"))
        if one.kind != REVIEWED or hold not in held:
            continue
        if action == "agree":
            agreed[hold].add(one.subject)
        elif action == "release" and held[hold].row["four_eyes"] and not agreed[hold] - {one.subject}:
            what = f"hold {hold} takes two reviewers, and nobody else had agreed when it was released"
            yield Finding("review", what, one.place, one.place)


def _finding(what: str, index: int | None) -> Finding:
    return Finding("table", what, index, index)


def _named(place: Place) -> str:
    return f"image {place[1]} of request {place[0]}"
