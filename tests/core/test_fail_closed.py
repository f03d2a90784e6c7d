"""A check that fails lets nothing pass: each fault at each gate, then pipelines, policies and faults drawn at random."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import guards
import PIL.Image
import pytest
from house import house
from properties import for_all

from limner.app import App
from limner.audit.reading import request
from limner.generation import Input
from limner.images.encoding import decode, encode
from limner.images.inputs import read_input
from limner.result import ImageResult, Preview, Watcher

GATES = ("prompt", "upload", "embedding", "image")
PIPELINE = """\
limner: 1
pipelines:
  guarded:
    task: edit
    policy: guarded
    steps:
      - {{use: guard.prompt{prompt}}}
      - {{use: guard.upload{upload}}}
      - use: guard.encode
      - {{use: guard.embedding{embedding}}}
      - use: toy.draw
      - {{use: guard.image{image}}}
      - use: toy.mark
"""
POLICY = """\
policy: guarded
requires: [guard.prompt, guard.upload, guard.embedding, guard.image, toy.mark]
on_error: {on_error}
rules:
  - {{id: no-prompt, at: prompt, signal: guard.prompt, at_least: 1, then: block}}
  - {{id: no-upload, at: upload, signal: guard.upload, at_least: 1, then: block}}
  - {{id: no-embedding, at: embedding, signal: guard.embedding, at_least: 1, then: block}}
  - {{id: no-image, at: image, signal: guard.image, at_least: 1, then: block}}
"""


class Everything(Watcher):
    """Keeps all that a caller is shown."""

    previews = 1

    def __init__(self) -> None:
        self.images: list[ImageResult] = []
        self.shown: list[Preview] = []

    def previewed(self, preview: Preview) -> None:
        self.shown.append(preview)

    def ended(self, image: ImageResult) -> None:
        self.images.append(image)


def uploaded() -> tuple[Input, ...]:
    from limner.generation import Image

    return (read_input("image", encode(Image(PIL.Image.new("RGB", (16, 16), "teal")), "png").data),)


def options(fault: str) -> str:
    deadline = ", deadline: 150ms" if fault in guards.SLOW else ""
    return f", with: {{fault: {fault}}}{deadline}" if fault else ""


def released_files(app: App) -> int:
    from sqlalchemy import func, select

    from limner.database.tables import images

    with app.database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(images).where(images.c.state == "released")) or 0


@pytest.mark.parametrize("on_error", ["block", "review"])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("fault", guards.FAULTS)
def test_each_fault_at_each_gate_ends_as_on_error_says(tmp_path: Path, fault: str, gate: str, on_error: str) -> None:
    plugins, journal = guards.both()
    pipelines = PIPELINE.format(**{each: options(fault if each == gate else "") for each in GATES})
    with house(tmp_path, pipelines=pipelines, policies={"guarded": POLICY.format(on_error=on_error)}, plugins=plugins) as app:
        asked, watcher = app.request("a field", task="edit", n=2, seed=7, inputs=uploaded()), Everything()
        images = app.run(asked, watcher).images
        journal.go_on.set()
        record = request(app.database, app.keys, asked.id)
        assert {image.outcome for image in images} == {"withheld" if on_error == "block" else "held"}
        assert all(image.file is None for image in (*images, *watcher.images))
        assert released_files(app) == 0
        errored = [event.body for event in record.events if event.kind == "decision" and event.body["errored"]]
        assert {(body["index"], body["gate"], body["action"]) for body in errored} == {(i, gate, on_error) for i in (0, 1)}
        for body in errored:
            failed = {finding["rule"]: finding["result"] for finding in body["findings"]}
            assert failed == {f"step:guard.{gate}": "error", f"no-{gate}": "error"}


def test_a_rule_may_name_a_stricter_action_for_its_own_errors(tmp_path: Path) -> None:
    plugins, _ = guards.both()
    policy = POLICY.format(on_error="review").replace("guard.image, at_least: 1", "guard.image, at_least: 1, on_error: block")
    pipelines = PIPELINE.format(prompt="", upload="", embedding="", image=options("nan"))
    with house(tmp_path, pipelines=pipelines, policies={"guarded": policy}, plugins=plugins) as app:
        [image] = app.run(app.request("a field", task="edit", inputs=uploaded())).images
        assert image.outcome == "withheld"


class Drawn(NamedTuple):
    """A pipeline in which every change is measured again, a policy over it, and what is asked."""

    steps: tuple[str, ...]
    rules: tuple[str, ...]
    on_error: str
    previews: str
    prompt: str
    n: int


def draw(random: Random) -> Drawn:
    quick = [fault for fault in guards.FAULTS if fault not in guards.SLOW]
    broken = random.choice((None, None, None, *GATES))
    faults = {gate: random.choice(quick) if gate == broken else "" for gate in GATES}
    steps = [f"{{use: guard.prompt{options(faults['prompt'])}}}"]
    if random.random() < 0.4:
        steps += ["{use: toy.embellish}", "{use: guard.prompt, as: prompt-again}"]
    if random.random() < 0.5:
        steps += ["{use: guard.prior}", f"{{use: guard.embedding{options(faults['embedding'])}}}"]
    steps += ["{use: guard.draw, as: draw}"]
    if random.random() < 0.4:
        steps += ["{use: guard.image, as: early}", "{use: guard.flip}"]
    steps += [f"{{use: guard.image{options(faults['image'])}}}", "{use: toy.mark}"]
    measured = [gate for gate in GATES if any(f"guard.{gate}" in step for step in steps)]
    rules = [
        f"{{id: no-{gate}, at: {gate}, signal: guard.{gate}, at_least: 1, then: {random.choice(('block', 'review'))}"
        f"{random.choice(('', '', ', mode: shadow', ', on_error: review', ', on_error: block'))}}}"
        for gate in measured
        if random.random() < 0.8
    ]
    said = " ".join(f"no-{gate}" for gate in measured if random.random() < 0.15)
    return Drawn(
        tuple(steps),
        tuple(rules),
        random.choice(("block", "review")),
        random.choice(("none", "gated", "gated")),
        f"a {said} field",
        random.randint(1, 2),
    )


def test_no_pixels_leave_without_every_requirement_having_held_for_that_very_image(tmp_path: Path) -> None:
    count = iter(range(1000))
    outcomes: set[str] = set()
    shown: set[tuple[str, int]] = set()

    def check(drawn: Drawn) -> None:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        plugins, journal = guards.both()
        required = [gate for gate in GATES if any(f"guard.{gate}" in step for step in drawn.steps)]
        pipelines = "limner: 1\npipelines:\n  p:\n    task: generate\n    policy: p\n    steps:\n" + "".join(
            f"      - {step}\n" for step in drawn.steps
        )
        policy = f"policy: p\nrequires: [{', '.join(f'guard.{gate}' for gate in required)}, toy.mark]\n"
        policy += f"on_error: {drawn.on_error}\npreviews: {drawn.previews}\nrules: [{', '.join(drawn.rules)}]\n"
        with house(folder, pipelines=pipelines, policies={"p": policy}, plugins=plugins) as app:
            asked, watcher = app.request(drawn.prompt, n=drawn.n, seed=3), Everything()
            images = app.run(asked, watcher).images
            outcomes.update(image.outcome for image in images)
            assert released_files(app) == sum(image.outcome == "released" for image in images)
            record = request(app.database, app.keys, asked.id)
            recorded = {
                (event.body["index"], event.body["file"]["sha256"]): event.body["pixels_sha256"]
                for event in record.events
                if event.kind == "preview.released"
            }
            shown.update((asked.id, preview.index) for preview in watcher.shown)
            assert not watcher.shown or drawn.previews == "gated"
            for preview in watcher.shown:
                pixels = recorded[preview.index, preview.file.sha256]
                assert_everything_held(drawn, journal, f"{asked.id}/{preview.index}", pixels, required)
                assert decode(preview.file.data).pillow().getpixel((0, 0)) == (255, 255, 255)
            for image in (*images, *watcher.images):
                assert (image.file is not None) == (image.outcome == "released")
                if image.file is not None:
                    assert_everything_held(drawn, journal, f"{asked.id}/{image.index}", image.pixels_sha256, required)

    for_all(draw, check, examples=24)
    assert outcomes == {"released", "withheld", "held"}
    assert len(shown) > 2


def assert_everything_held(drawn: Drawn, journal: guards.Journal, id: str, pixels: str, required: list[str]) -> None:
    """By the guards' own journal: each looked at the value as it went into the image, and saw nothing a rule forbids."""
    looks = {gate: journal.looks[gate, id][-1] for gate in required}
    looks["image"] = next(look for look in journal.looks["image", id] if look.seen == pixels)
    for gate, look in looks.items():
        forbidden: Any = any(f"no-{gate}," in rule and "shadow" not in rule for rule in drawn.rules)
        assert not (forbidden and look.value >= 1)
