"""Counts over a time of the record: requests, where their images stand now, which rules stopped them, how long steps took.

An image counts once, whatever reviewers said of it and however often a rule was judged: in `outcomes` with the outcome that
stands on the record, in `states` as it is now, and with each rule that blocked or held it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

from sqlalchemy import func, select

from limner.audit.events import DECISION, GENERATION_STEPS, REQUEST_ACCEPTED
from limner.audit.recorded import as_recorded
from limner.audit.whereabouts import ended
from limner.database.connection import Database
from limner.database.tables import events, requests

COUNTED = (REQUEST_ACCEPTED, DECISION, GENERATION_STEPS)
PAGE = 5_000  # events fetched at once

Stopped = tuple[str, int, str]  # an image, by its request and its index, and a rule that stopped it


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a type of step took, over so many runs: seconds at the median and below which 95 of 100 lie."""

    runs: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """`days` counts requests by day, `outcomes` and `states` images, `blocks` and `reviews` images by what rules stopped them.

    Images are those of requests that were accepted in the time; `latency` is by step type.
    """

    requests: int
    days: dict[str, int]
    pipelines: dict[str, int]
    outcomes: dict[str, int]
    states: dict[str, int]
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
    stopped: dict[str, set[Stopped]] = field(default_factory=lambda: {"block": set(), "review": set()})
    passed: dict[str, set[str]] = field(default_factory=dict)  # by request, the rules of a hold that a reviewer has released
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def take(self, kind: str, request: str, time: str, body: dict[str, Any]) -> None:  # JSON
        match kind:
            case "request.accepted":
                self.days[time[:10]] += 1
                self.pipelines[body["pipeline"]["name"]] += 1
                if "resumes" in body:
                    self.passed[request] = set(body["resumes"]["rules"])
            case "decision" if (
                body["action"] in self.stopped and body.get("mode", "enforce") == "enforce" and "preview" not in body
            ):
                self._stop(request, body)
            case "generation.steps":
                for step in body["steps"]:
                    if step["outcome"] == "done":
                        self.seconds.setdefault(step["type"], []).append(step["seconds"])

    def _stop(self, request: str, decision: dict[str, Any]) -> None:  # JSON
        """Count it, unless it is the hold again that a reviewer has released."""
        action = decision["action"]
        rules = set(decision["rules"]) - (self.passed.get(request, set()) if action == "review" else set())
        self.stopped[action].update((request, decision.get("index", 0), rule) for rule in rules)

    def by_rule(self, action: str) -> dict[str, int]:
        """How many images each rule stopped."""
        return dict(Counter(rule for _, _, rule in sorted(self.stopped[action])).most_common())


def statistics(database: Database, *, since: str = "", until: str = "") -> Statistics:
    """Counts over the events from `since` on and before `until`, times as they are recorded; empty leaves that side open."""
    counting = _Counting()
    for index, kind, request, time, data in _events(database, since, until):
        with as_recorded(index):
            counting.take(kind, request, time, json.loads(data)["body"])
    outcomes, states = _images(database, since, until)
    return Statistics(
        requests=counting.days.total(),
        days=dict(sorted(counting.days.items())),
        pipelines=dict(counting.pipelines.most_common()),
        outcomes=dict(outcomes.most_common()),
        states=dict(states.most_common()),
        blocks=counting.by_rule("block"),
        reviews=counting.by_rule("review"),
        latency={type: _latency(seconds) for type, seconds in sorted(counting.seconds.items())},
    )


def _images(database: Database, since: str, until: str) -> tuple[Counter[str], Counter[str]]:
    """How many images of the requests of the time have each outcome, and how many stand how now."""
    outcomes, states = Counter[str](), Counter[str]()
    of_time = (requests.c.time >= since) & (requests.c.time < (until or "9999"))
    with database.reading() as connection:
        size = connection.scalar(select(func.sum(requests.c.n)).where(of_time)) or 0
        for _, image in ended(connection, of_time):
            outcomes[str(image.outcome)] += 1
            states[image.state] += 1
    if size > outcomes.total():
        states["under way"] = int(size) - outcomes.total()
    return outcomes, states


def _events(database: Database, since: str, until: str) -> Iterator[tuple[int, str, str, str, bytes]]:
    query = select(events.c.index, events.c.kind, events.c.request_id, events.c.time, events.c.canonical).where(
        events.c.kind.in_(COUNTED), events.c.time >= since, events.c.time < (until or "9999")
    )
    last = -1
    with database.reading() as connection:
        while rows := connection.execute(query.where(events.c.index > last).order_by(events.c.index).limit(PAGE)).all():
            yield from ((index, kind, request, time, data) for index, kind, request, time, data in rows)
            last = rows[-1][0]


def _latency(seconds: list[float]) -> Latency:
    cuts = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
    return Latency(len(seconds), cuts[9], cuts[18])
