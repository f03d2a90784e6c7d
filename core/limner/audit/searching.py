"""Finding requests on the record: by who, when, pipeline, what was decided, by which rule, with which model.

Who, when and pipeline are columns; the others are read from the events of one page of candidates after another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true

from limner.audit.events import DECISION, REQUEST_ACCEPTED
from limner.audit.reading import MARK, RequestSummary, requests
from limner.audit.recorded import as_recorded
from limner.audit.scope import find_scope
from limner.database.connection import Database
from limner.database.tables import events, outcomes, texts
from limner.database.tables import requests as requests_table
from limner.errors import UsageError
from limner.keys import Keys

PAGE = 200  # candidates looked at together


@dataclass(frozen=True, slots=True)
class Search:
    """What a request must meet, as far as it is given. Times are as recorded: `since` is included, `until` is not.

    `user` is a subject's name or pseudonym; `decision` the action of some enforced decision; `rule` one that did not pass;
    `model` one that its pipeline names; `mark` the mark id that an image of it carries, as people read it.
    """

    user: str = ""
    since: str = ""
    until: str = ""
    pipeline: str = ""
    decision: str = ""
    rule: str = ""
    model: str = ""
    mark: str = ""


def search(
    database: Database, keys: Keys, wanted: Search, *, limit: int = 50, before: int | None = None
) -> tuple[RequestSummary, ...]:
    """The newest such requests first, at most `limit`; the next page is `before` the `index` of the last one.

    Raises UsageError if nobody of the user's name is on the record, or for what is no mark id.
    """
    with database.reading() as connection:
        where = _where(connection, keys, wanted)
        pipelines = _pipelines_with(connection, wanted.model) if wanted.model else None
    found: list[RequestSummary] = []
    while len(found) < limit:
        page = requests(database, limit=PAGE, before=before, where=where)
        with database.reading() as connection:
            found += _meeting(connection, page, wanted, pipelines)
        if len(page) < PAGE:
            break
        before = page[-1].index
    return tuple(found[:limit])


def _where(connection: Connection, keys: Keys, wanted: Search) -> ColumnElement[bool]:
    column = requests_table.c
    where: ColumnElement[bool] = true()
    if wanted.user:
        where &= column.subject == find_scope(connection, keys, "subject", wanted.user).target
    if wanted.since:
        where &= column.time >= wanted.since
    if wanted.until:
        where &= column.time < wanted.until
    if wanted.pipeline:
        where &= column.pipeline == wanted.pipeline
    if wanted.mark:
        if not MARK.fullmatch(wanted.mark):
            raise UsageError(f"{wanted.mark!r} is no mark id", fix="twelve hex digits, as `limner inspect` shows them")
        carrying = select(outcomes.c.request_id).where(outcomes.c.mark_id == int(wanted.mark, 16))
        where &= column.id.in_(carrying)
    return where


def _pipelines_with(connection: Connection, model: str) -> set[str]:
    """The hashes of pipelines, as they ever were, with a step that uses the model."""
    query = select(texts.c.hash, texts.c.text).where(texts.c.kind == "pipeline")
    found = {row[0]: json.loads(row[1])["steps"] for row in connection.execute(query)}
    return {hash for hash, steps in found.items() if any(model in step["models"] for step in steps)}


def _meeting(
    connection: Connection, page: Sequence[RequestSummary], wanted: Search, pipelines: set[str] | None
) -> list[RequestSummary]:
    """Those of a page that also meet what only their events tell."""
    left = {summary.id for summary in page}
    if pipelines is not None:
        left = _those(connection, left, REQUEST_ACCEPTED, lambda body: body["pipeline"]["hash"] in pipelines)
    if wanted.decision or wanted.rule:
        left = _those(connection, left, DECISION, lambda body: _is_wanted(body, wanted))
    return [summary for summary in page if summary.id in left]


def _those(connection: Connection, ids: set[str], kind: str, meets: Callable[[dict[str, Any]], bool]) -> set[str]:
    """Of these requests, those with an event of the kind whose body meets something."""
    columns = (events.c.request_id, events.c.index, events.c.canonical)
    found = set()
    for id, index, data in connection.execute(select(*columns).where(events.c.request_id.in_(ids), events.c.kind == kind)):
        with as_recorded(index):
            found |= {id} if meets(json.loads(data)["body"]) else set()
    return found


def _is_wanted(decision: dict[str, Any], wanted: Search) -> bool:
    if wanted.decision and (decision["action"] != wanted.decision or decision.get("mode", "enforce") != "enforce"):
        return False
    return not wanted.rule or any(
        finding["rule"] == wanted.rule and finding["result"] != "pass" for finding in decision["findings"]
    )
