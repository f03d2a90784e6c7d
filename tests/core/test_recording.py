"""What a request leaves on the record. How its images end is told in test_orchestrator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from house import house
from sqlalchemy import select

from limner.admission import Admitted, admit
from limner.app import App
from limner.audit.appended import Appended
from limner.audit.event import Event
from limner.audit.reading import request
from limner.audit.texts import Text, read_text
from limner.audit.writer import AuditWriter
from limner.canonical import canonical
from limner.database.tables import holds
from limner.errors import AuditError, UsageError
from limner.recording import Recorder

PLUGINS = Text.of("plugins", canonical([{"name": "toy"}]))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path) as opened:
        yield opened


def recorder(app: App) -> Recorder:
    return Recorder(app.writer, PLUGINS, {"limner": "1.2.3"}, app.lease)


def admitted(app: App, **given: Any) -> Admitted:
    return admit(app.request("a field", **{"seed": 7, **given}), app.pipelines)


def test_all_that_the_images_depend_on_is_pinned_and_found_under_its_hash(app: App):
    asked = admitted(app, parameters={"shade": "0.5"})
    with recorder(app).open(asked) as record:
        record.accept()
    accepted = request(app.database, app.keys, asked.request.id).events[0].body
    assert read_text(app.database, accepted["pipeline"]["hash"]) == asked.pipeline.canonical
    assert read_text(app.database, accepted["policy"]["revision"]) == asked.policies[0].policy.canonical
    assert json.loads(read_text(app.database, accepted["plugins"]) or b"") == [{"name": "toy"}]
    assert accepted["parameters"] == {"shade": 0.5}
    assert (accepted["versions"], accepted["lease"]) == ({"limner": "1.2.3"}, app.lease.id)


def test_a_text_is_taken_for_stored_once_a_request_that_brought_it_is_durable(app: App):
    recording, asked = recorder(app), admitted(app)
    with recording.open(asked):
        assert recording.stored == set()  # nothing is recorded yet
    with recording.open(asked) as record:
        record.accept()
    assert {text.kind for text in recording.stored} == {"pipeline", "policy", "plugins"}
    with recorder(app).open(again := admitted(app)) as record:
        record.accept()  # another process asks the database
    assert read_text(app.database, again.pipeline.hash) == again.pipeline.canonical


def test_a_record_that_was_never_accepted_leaves_nothing(app: App):
    asked = admitted(app)
    with recorder(app).open(asked):
        pass
    with pytest.raises(UsageError, match="on the record"):
        request(app.database, app.keys, asked.request.id)


def test_where_there_is_no_room_a_request_is_not_accepted_and_room_comes_back(app: App):
    app.writer = AuditWriter(app.database, app.keys, slots=1)  # type: ignore[misc]
    with recorder(app).open(admitted(app)), pytest.raises(AuditError, match="under way already"):
        recorder(app).open(admitted(app))
    with recorder(app).open(admitted(app)) as record:
        record.accept()


@pytest.mark.parametrize(("prompt", "gate"), [("an odd field", "prompt"), ("dim evening", "image")])
def test_what_is_held_waits_at_the_gate_that_held_it(app: App, prompt: str, gate: str):
    asked = app.request(prompt, seed=7)
    app.run(asked)
    with app.database.reading() as connection:
        [waiting] = connection.execute(select(holds.c.request_id, holds.c.image, holds.c.gate, holds.c.state))
    assert tuple(waiting) == (asked.id, 0, gate, "waiting")


class _InterruptedAtFirst(AuditWriter):
    """Ctrl-C arrives while the first append is waited for."""

    interrupted = False

    def append(self, events: Sequence[Event], changes: Sequence[Any] = ()) -> Appended:
        appended = super().append(events, changes)
        if not self.interrupted:
            self.interrupted = True
            appended.result = self._interrupt  # type: ignore[method-assign]
        return appended

    def _interrupt(self, timeout: float | None = None) -> Any:
        raise KeyboardInterrupt


def test_an_interrupt_while_the_intent_is_written_leaves_no_open_record(app: App):
    app.writer = _InterruptedAtFirst(app.database, app.keys)  # type: ignore[misc]
    asked = admitted(app, n=2)
    with pytest.raises(KeyboardInterrupt), recorder(app).open(asked) as record:
        record.accept()
    recorded = request(app.database, app.keys, asked.request.id)
    assert recorded.events[-1].kind == "request.closed"
    assert recorded.events[-1].body["outcomes"] == {"cancelled": 2}
