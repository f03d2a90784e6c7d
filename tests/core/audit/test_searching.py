from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from house import house

from limner.app import App
from limner.audit.event import Event
from limner.audit.events import Pinned, StepSummary, generation_steps, image_outcome, request_accepted
from limner.audit.searching import Search, search
from limner.audit.statistics import statistics
from limner.audit.texts import Text
from limner.audit.writer import AuditWriter
from limner.canonical import canonical
from limner.database.connection import Database
from limner.errors import UsageError
from limner.generation import Caller, Generation, Request
from limner.keys import Keys
from limner.review import find, matching, recall

Accept = Callable[..., Request]


def decided(id: str, action: str, rule: str, **more: object) -> Event:
    finding = {"rule": rule, "result": "pass" if action == "allow" else "fail", "action": action}
    rules = [] if action == "allow" else [rule]
    return Event("decision", id, {"action": action, "rules": rules, "findings": [finding], "mode": "enforce", **more})


@pytest.fixture
def ids(database: Database, keys: Keys) -> Callable[..., list[str]]:
    def find(limit: int = 50, **wanted: str) -> list[str]:
        return [summary.id for summary in search(database, keys, Search(**wanted), limit=limit)]

    return find


def test_requests_are_found_by_what_was_decided_and_by_which_rule(
    writer: AuditWriter, accept: Accept, ids: Callable[..., list[str]]
):
    for number in range(4):
        accept(f"r{number}")
    writer.append([decided("r0", "block", "words"), decided("r1", "review", "words"), decided("r2", "allow", "words")]).result(
        30
    )
    writer.append([decided("r3", "block", "dark"), decided("r2", "block", "tried", mode="shadow")]).result(30)
    assert ids() == ["r3", "r2", "r1", "r0"]
    assert ids(decision="block") == ["r3", "r0"]
    assert ids(rule="words") == ["r1", "r0"]
    assert ids(rule="words", decision="review") == ["r1"]
    assert ids(rule="tried") == ["r2"]
    assert ids(limit=1, decision="block") == ["r3"]


def test_requests_are_found_by_user_time_and_pipeline(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept, ids: Callable[..., list[str]]
):
    accept("r0")
    accept("r1")
    assert ids(user="local:ada", pipeline="text-to-image") == ["r1", "r0"]
    assert ids(pipeline="another") == []
    [first] = [one for one in search(database, keys, Search()) if one.id == "r0"]
    [second] = [one for one in search(database, keys, Search()) if one.id == "r1"]
    assert ids(since=second.time) == ["r1"]
    assert ids(until=second.time) == ["r0"]
    assert [one.id for one in search(database, keys, Search(user=first.subject), before=second.index)] == ["r0"]
    with pytest.raises(UsageError, match="no subject 'local:nobody'"):
        ids(user="local:nobody")


def test_requests_are_found_by_the_models_of_their_pipelines(tmp_path: Path):
    with house(tmp_path) as app:
        app.run(app.request("a circle"))
        text = Text.of("pipeline", canonical({"steps": [{"models": {"scenes": "digest"}}, {"models": {}}]}))
        accepted = Request("by-hand", "generate", "p", "words", Caller("local:ada", "local"))
        app.writer.append([request_accepted(accepted, Pinned(text.hash, "p", "", {}, "", {}, "x"))], [text.store]).result()
        found = search(app.database, app.keys, Search(model="scenes"))
        assert [one.id for one in found] == ["by-hand"]
        assert search(app.database, app.keys, Search(model="other")) == ()


@pytest.fixture
def busy(tmp_path: Path):
    with house(tmp_path) as app:
        for seed, prompt in enumerate(("a circle", "bad circle", "dim circle", "dark circle")):
            app.run(app.request(prompt, seed=seed, n=2))
        yield app


def test_counts_are_those_of_the_events(busy: App):
    found = statistics(busy.database)
    assert (found.requests, found.pipelines) == (4, {"plain": 4})
    assert found.outcomes == {"withheld": 4, "released": 2, "held": 2}
    assert (found.blocks, found.reviews) == ({"bad-word": 2, "too-dark": 2}, {"rather-dark": 2})
    assert sum(found.days.values()) == 4
    assert (found.latency["toy.draw"].runs, found.latency["toy.words"].runs) == (6, 8)
    assert 0 <= found.latency["toy.draw"].median <= found.latency["toy.draw"].p95
    later = statistics(busy.database, since="2999")
    assert (later.requests, later.outcomes, later.latency) == (0, {}, {})


def test_an_image_counts_once_whatever_is_said_of_it_later(tmp_path: Path):
    with house(tmp_path) as app:
        kept, recalled = (app.request(prompt) for prompt in ("a circle", "a square"))
        odd, dim = (app.request(prompt, n=2) for prompt in ("an odd circle", "dim circle"))
        for request in (kept, recalled, odd, dim):
            app.run(request)
        recall(app.writer, matching(app.database, [recalled.id]), actor="x", reason="a likeness")
        for request in (odd, dim):
            hold, other = find(app.database, request.id)
            verdict = app.desk.release(hold, actor="x", reason="fine")
            if verdict.resumed is not None:
                app.run(verdict.resumed)
            app.desk.withhold(other, actor="x", reason="no")
        found, none = statistics(app.database), statistics(app.database, until="2000")
    assert found.outcomes == {"released": 4, "withheld": 2, "held": 1}
    assert found.states == {"released": 3, "withheld": 2, "recalled": 1, "run on": 1}
    assert (found.reviews, found.blocks) == ({"odd-word": 2, "rather-dark": 2}, {})
    assert (none.outcomes, none.states, none.reviews) == ({}, {}, {})


def test_what_is_under_way_is_counted_as_that(database: Database, writer: AuditWriter, accept: Accept):
    accept("r1", n=3)
    writer.append([image_outcome("r1", 1, "released")]).result(30)
    found = statistics(database)
    assert (found.outcomes, found.states) == ({"released": 1}, {"released": 1, "under way": 2})


def test_latencies_are_the_median_and_the_95th_of_a_hundred(writer: AuditWriter, database: Database, new_request):
    request = new_request()
    for number in range(101):
        steps = [StepSummary("a", "toy.a", "done", number / 100), StepSummary("b", "toy.b", "failed", 7.0)]
        writer.append([generation_steps(request, Generation("r1", 0, 0, ""), steps)])
    writer.append([]).result(30)
    latency = statistics(database).latency
    assert set(latency) == {"toy.a"}
    assert (latency["toy.a"].runs, round(latency["toy.a"].median, 6), round(latency["toy.a"].p95, 6)) == (101, 0.5, 0.95)
