"""Previews: shown only where the policy lets them through its gates, and then checked, marked and recorded like any image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import guards
import pytest
from house import house

from limner.app import App
from limner.audit.appended import Appended, settle
from limner.audit.event import Event
from limner.audit.log import Append
from limner.audit.reading import RequestRecord, request
from limner.audit.writer import AuditWriter
from limner.engine.interface import Previews
from limner.errors import AuditError
from limner.images.encoding import decode
from limner.result import ImageResult, Preview, Watcher

PIPELINE = """\
limner: 1
pipelines:
  shown:
    task: generate
    policy: shown
    steps: [{use: guard.prompt}, {use: guard.draw}, {use: guard.image}, {use: toy.mark}]
"""
POLICY = """\
policy: shown
requires: [guard.image, toy.mark]
previews: gated
rules: [{id: no-image, at: image, signal: guard.image, at_least: 1, then: block}]
"""


class Follower(Watcher):
    previews = 1

    def __init__(self) -> None:
        self.shown: list[Preview] = []

    def previewed(self, preview: Preview) -> None:
        self.shown.append(preview)


def run(app: App, prompt: str, watcher: Watcher) -> tuple[ImageResult, RequestRecord]:
    asked = app.request(prompt, seed=7)
    [image] = app.run(asked, watcher).images
    return image, request(app.database, app.keys, asked.id)


def test_a_preview_is_judged_marked_and_recorded_before_it_is_shown(tmp_path: Path) -> None:
    with house(tmp_path, pipelines=PIPELINE, policies={"shown": POLICY}, plugins=guards.both()[0]) as app:
        watcher = Follower()
        image, record = run(app, "a field", watcher)
        [preview] = watcher.shown
        assert decode(preview.file.data).pillow().getpixel((0, 0)) == (255, 255, 255)
        kinds = [event.kind for event in record.events]
        assert kinds.index("preview.released") < kinds.index("image.outcome")
        about_it = [e.body for e in record.events if e.kind == "decision" and e.body.get("preview") == 1]
        assert [(body["gate"], body["action"]) for body in about_it] == [("image", "allow")]
        assert image.outcome == "released"
        assert [step["step"] for e in record.events if e.kind == "generation.steps" for step in e.body["steps"]].count(
            "guard.image"
        ) == 1
        again, _ = run(app, "a field", Watcher())
        assert again.pixels_sha256 == image.pixels_sha256


class Outage(AuditWriter):
    """A database that is away for the first decision, and back for what comes after it."""

    over = False

    def append(self, events: Sequence[Event], changes: Sequence[Any] = ()) -> Appended:
        if self.over or [event.kind for event in events] != ["decision"]:
            return super().append(events, changes)
        self.over = True
        lost = Appended(Append(tuple(events)))
        settle([(lost, AuditError("the database is away"))])
        return lost


def test_no_preview_is_shown_without_the_decision_that_let_its_prompt_pass(tmp_path: Path) -> None:
    with house(tmp_path, pipelines=PIPELINE, policies={"shown": POLICY}, plugins=guards.both()[0]) as app:
        app.writer = Outage(app.database, app.keys)  # type: ignore[misc]
        watcher = Follower()
        image, record = run(app, "a field", watcher)
        assert watcher.shown == []
        assert image.outcome == "failed"
        assert "prompt" not in [event.body["gate"] for event in record.events if event.kind == "decision"]


def test_a_preview_that_a_gate_stops_is_not_shown_and_decides_nothing_else(tmp_path: Path) -> None:
    with house(tmp_path, pipelines=PIPELINE, policies={"shown": POLICY}, plugins=guards.both()[0]) as app:
        watcher = Follower()
        image, record = run(app, "a no-image field", watcher)
        assert watcher.shown == []
        assert "preview.released" not in [event.kind for event in record.events]
        blocked = [e.body for e in record.events if e.kind == "decision" and e.body.get("preview") == 1]
        assert [body["action"] for body in blocked] == ["block"]
        assert image.outcome == "withheld"


@pytest.mark.parametrize(("policy", "wanted"), [(POLICY.replace("gated", "none"), 1), (POLICY, 0)])
def test_without_gate_or_watcher_nothing_is_asked_for(tmp_path: Path, policy: str, wanted: int) -> None:
    with house(tmp_path, pipelines=PIPELINE, policies={"shown": policy}, plugins=guards.both()[0]) as app:
        watcher = Follower()
        watcher.previews = wanted
        image, record = run(app, "a field", watcher)
        assert (image.outcome, watcher.shown) == ("released", [])
        assert not any(event.body.get("preview") for event in record.events)


def test_previews_stand_at_even_distances_and_never_at_the_end() -> None:
    three = Previews(3, lambda image: None)
    assert [done for done in range(26) if three.is_due(done, 25)] == [6, 12, 19]
    assert not any(Previews(0, lambda image: None).is_due(done, 25) for done in range(26))
    assert not Previews(3, lambda image: None).is_due(1, 1)
