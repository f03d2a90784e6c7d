from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from house import POLICY, house
from sqlalchemy import select

from limner.app import App
from limner.database.tables import events
from limner.dropped_marks import MARKS_DROPPED

MARKED = POLICY.replace("requires: [toy.words, toy.look]", "requires: [toy.words, toy.look, toy.mark]")


def dropped(app: App) -> list[dict[str, Any]]:
    """What the record says of it once the application is ready for requests."""
    assert app.orchestrator
    with app.database.reading() as connection:
        found = connection.scalars(select(events.c.canonical).where(events.c.kind == MARKS_DROPPED).order_by(events.c.index))
        return [json.loads(data)["body"] for data in found]


def run_under(folder: Path, policy: str, *, asks: bool = True) -> list[dict[str, Any]]:
    with house(folder, policies={"house": policy}) as app:
        found = dropped(app)
        if asks:
            app.run(app.request("a bad field", pipeline="plain"))
        return found


def test_a_policy_that_drops_a_mark_is_an_event_once(tmp_path: Path):
    assert run_under(tmp_path, MARKED) == []
    assert run_under(tmp_path, MARKED) == []
    [told] = run_under(tmp_path, POLICY, asks=False)
    assert (told["pipeline"], told["dropped"], told["before"]["name"]) == ("plain", ["toy.mark"], "house")
    assert told["policy"]["revision"] != told["before"]["revision"]
    assert run_under(tmp_path, POLICY) == [told]
    assert run_under(tmp_path, POLICY) == [told]


def test_a_policy_that_never_asked_or_asks_for_more_is_none(tmp_path: Path):
    assert run_under(tmp_path, POLICY) == []
    assert run_under(tmp_path, MARKED) == []
    assert run_under(tmp_path, MARKED.replace(", toy.look", "")) == []
