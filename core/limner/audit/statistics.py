"""Counts over a time of the record: requests, what became of images, which rules stopped them, how long steps took."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

from sqlalchemy import select

from limner.audit.events import DECISION, GENERATION_STEPS, IMAGE_OUTCOME, REQUEST_ACCEPTED
from limner.audit.recorded import as_recorded
from limner.database.connection import Database
from limner.database.tables import events

COUNTED = (REQUEST_ACCEPTED, DECISION, GENERATION_STEPS, IMAGE_OUTCOME)
PAGE = 5_000  # events fetched at once


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a type of step took, over so many runs: seconds at the median and below which 95 of 100 lie."""

    runs: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """`days` counts requests by day, `outcomes` images, `blocks` and `reviews` decisions by rule; `latency` is by step type."""

    requests: int
    days: dict[str, int]
    pipelines: dict[str, int]
    outcomes: dict[str, int]
    blocks: dict[str, int]
    reviews: dict[str, int]
    latency: dict[str, Latency]

    def to_json(self) -> dict[str, Any]:  # JSON
        """The statistics as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class _Counting:
    days: Counter[str] = field(default_factory=Counter)
    pipelines: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    rules: dict[str, Counter[str]] = field(default_factory=lambda: {"block": Counter(), "review": Counter()})
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def take(self, kind: str, time: str, body: dict[str, Any]) -> None:  # JSON
        match kind:
            case "request.accepted":
                self.days[time[:10]] += 1
                self.pipelines[body["pipeline"]["name"]] += 1
            case "decision" if (
                body["action"] in self.rules and body.get("mode", "enforce") == "enforce" and "preview" not in body
            ):
                self.rules[body["action"]].update(body["rules"])
            case "generation.steps":
                for step in body["steps"]:
                    if step["outcome"] == "done":
                        self.seconds.setdefault(step["type"], []).append(step["seconds"])
            case "image.outcome":
                self.outcomes[body["outcome"]] += 1


def statistics(database: Database, *, since: str = "", until: str = "") -> Statistics:
    """Counts over the events from `since` on and before `until`, times as they are recorded; empty leaves that side open."""
    counting = _Counting()
    for index, kind, time, data in _events(database, since, until):
        with as_recorded(index):
            counting.take(kind, time, json.loads(data)["body"])
    return Statistics(
        requests=counting.days.total(),
        days=dict(sorted(counting.days.items())),
        pipelines=dict(counting.pipelines.most_common()),
        outcomes=dict(counting.outcomes.most_common()),
        blocks=dict(counting.rules["block"].most_common()),
        reviews=dict(counting.rules["review"].most_common()),
        latency={type: _latency(seconds) for type, seconds in sorted(counting.seconds.items())},
    )


def _events(database: Database, since: str, until: str) -> Iterator[tuple[int, str, str, bytes]]:
    query = select(events.c.index, events.c.kind, events.c.time, events.c.canonical).where(
        events.c.kind.in_(COUNTED), events.c.time >= since, events.c.time < (until or "9999")
    )
    last = -1
    with database.reading() as connection:
        while rows := connection.execute(query.where(events.c.index > last).order_by(events.c.index).limit(PAGE)).all():
            yield from ((index, kind, time, data) for index, kind, time, data in rows)
            last = rows[-1][0]


def _latency(seconds: list[float]) -> Latency:
    cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    return Latency(len(seconds), cuts[9], cuts[18])
