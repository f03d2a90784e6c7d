"""What is on the deny list, in the life of a request: refused before anything is made, after a rewrite, and before release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import pytest
from house import house

from limner.app import App
from limner.audit.reading import request
from limner.deny import add
from limner.images.encoding import encode
from limner.images.fingerprint import fingerprint
from limner.images.inputs import read_input
from limner.result import ImageResult

EDITED = """\
limner: 1
pipelines:
  plain: {task: generate, policy: house, steps: [{use: toy.words}, {use: toy.draw}, {use: toy.look}, {use: toy.mark}]}
  edited: {task: edit, policy: house, steps: [{use: toy.words}, {use: toy.draw}, {use: toy.look}, {use: toy.mark}]}
  rewritten:
    task: generate
    policy: house
    steps:
      - use: toy.words
      - use: toy.embellish
      - {use: toy.words, as: words-again}
      - use: toy.draw
      - use: toy.look
      - use: toy.mark
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path, pipelines=EDITED) as opened:
        yield opened


def steps_of(app: App, image: ImageResult, id: str) -> list[str]:
    [steps] = [event for event in request(app.database, app.keys, id).events if event.kind == "generation.steps"]
    return [step["step"] for step in steps.body["steps"]]


def test_every_decision_names_the_list_as_it_stood(app: App) -> None:
    add(app.writer, "term", "kite", actor="local:op", reason="why")
    [image] = app.run(app.request("a bright field")).images
    assert image.outcome == "released"
    assert {decision.deny_revision for decision in image.decisions} == {app.deny.revision}


def test_a_denied_word_is_refused_before_any_step_and_recorded(app: App) -> None:
    denial = add(app.writer, "term", "kite", actor="local:op", reason="why")
    asked = app.request("a kite")
    [image] = app.run(asked).images
    assert image.outcome == "withheld"
    assert steps_of(app, image, asked.id) == []
    [decision] = [event.body for event in request(app.database, app.keys, asked.id).events if event.kind == "decision"]
    assert (decision["policy"], decision["rules"]) == ("deny list", [f"deny:{denial.id}"])


def test_a_denied_word_that_a_rewrite_brings_in_is_refused_there(app: App) -> None:
    add(app.writer, "term", "finely", actor="local:op", reason="why")
    asked = app.request("a field", pipeline="rewritten")
    [image] = app.run(asked).images
    assert image.outcome == "withheld"
    assert steps_of(app, image, asked.id) == ["toy.words", "toy.embellish"]


def test_a_denied_subject_gets_nothing(app: App) -> None:
    asked = app.request("a field")
    add(app.writer, "subject", app.keys.lookup(asked.caller.subject), actor="local:op", reason="why")
    assert app.run(asked).images[0].outcome == "withheld"


def test_a_denied_image_is_refused_at_upload_and_before_release(app: App) -> None:
    from limner.generation import Image

    drawn_by_hand = PIL.Image.new("RGB", (96, 96), "white")
    PIL.ImageDraw.Draw(drawn_by_hand).ellipse((20, 30, 60, 80), fill="black")
    upload = Image(drawn_by_hand)
    add(app.writer, "image", f"{fingerprint(upload):016x}", actor="local:op", reason="why")
    given = read_input("image", encode(upload, "webp").data)
    asked = app.request("a field", task="edit", pipeline="edited", inputs=[given])
    [image] = app.run(asked).images
    assert (image.outcome, steps_of(app, image, asked.id)) == ("withheld", [])
    assert [decision.gate for decision in image.decisions] == ["upload"]

    [drawn] = app.run(app.request("a bright field", seed=5, pipeline="plain")).images
    assert drawn.file is not None
    made = read_input("image", drawn.file.data).image
    add(app.writer, "image", f"{fingerprint(made):016x}", actor="local:op", reason="why")
    app.__dict__.pop("deny")
    app.__dict__.pop("orchestrator")
    asked = app.request("a bright field", seed=5, pipeline="plain")
    [again] = app.run(asked).images
    assert (again.outcome, again.file) == ("withheld", None)
    assert steps_of(app, again, asked.id)[-1] == "toy.mark"
