"""The life of a request, with the real engine, policy, record and image store around a toy plugin."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from house import PIPELINES, POLICY, Words, house, plugin
from sqlalchemy import text

import limner
from limner.app import App
from limner.audit.appended import Appended, settle
from limner.audit.event import Event
from limner.audit.events import DECISION, IMAGE_OUTCOME, image_outcome, request_closed
from limner.audit.reading import RequestRecord, request
from limner.audit.writer import AuditWriter
from limner.errors import AuditError, UsageError
from limner.images.encoding import decode, encode
from limner.images.fingerprint import fingerprint
from limner.images.likeness import alike
from limner.result import ImageResult, Watcher

Open = Callable[..., App]


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Open]:
    opened: list[App] = []

    def open(**kwargs: Any) -> App:
        opened.append(house(tmp_path, **kwargs))
        return opened[-1]

    yield open
    for app in opened:
        app.close()


def run(app: App, prompt: str, watcher: Watcher | None = None, **kwargs: Any) -> tuple[list[ImageResult], RequestRecord]:
    asked = app.request(prompt, **{"seed": 7, **kwargs})
    result = app.run(asked, watcher)
    return list(result.images), request(app.database, app.keys, asked.id)


def kinds(record: RequestRecord) -> list[str]:
    return [event.kind for event in record.events]


def body(record: RequestRecord, kind: str) -> Any:
    [event] = [event for event in record.events if event.kind == kind]
    return event.body


def kept_files(app: App) -> list[Path]:
    return [path for path in (app.project.state / "images").rglob("*") if path.is_file()]


def test_a_harmless_prompt_is_released_with_its_whole_life_on_the_record(open_house: Open):
    app = open_house()
    [image], record = run(app, "a bright field")
    assert image.outcome == "released"
    assert image.file is not None
    assert decode(image.file.data).pillow().getpixel((0, 0)) == (255, 255, 255)
    assert kinds(record) == ["request.accepted", "decision", "decision", "generation.steps", "image.outcome", "request.closed"]
    assert record.events[0].payloads["prompt"].value == "a bright field"
    assert [step["step"] for step in body(record, "generation.steps")["steps"]] == ["toy.words", "draw", "toy.look", "toy.mark"]
    outcome = body(record, "image.outcome")
    assert outcome["file"]["sha256"] == image.file.sha256
    assert outcome["pixels_sha256"] == image.pixels_sha256
    assert record.events[-2].payloads["fingerprint"].value == f"{fingerprint(decode(image.file.data)):016x}"
    [found] = alike(app.database, fingerprint(decode(image.file.data)))
    assert (found.request_id, found.image_id, found.distance) == (record.id, outcome["image"], 0)
    assert app.images.read(app.database, outcome["image"]) == image.file.data


def test_what_was_decided_stays_on_the_record_of_an_image_that_fails_right_after(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
):
    """A decision that lets the next step begin is handed over when it has begun; here none comes."""

    def fails(*given: object) -> None:
        raise OSError("no encoder")

    app = open_house(pipelines=PIPELINES.replace("      - use: toy.mark\n", "", 1))
    monkeypatch.setattr("limner.making.encode", fails)
    [image], record = run(app, "a bright field")
    assert image.outcome == "failed"
    assert kinds(record) == ["request.accepted", "decision", "decision", "generation.steps", "image.outcome", "request.closed"]


def test_the_recorded_pixel_hash_is_of_the_pixels_before_marking(open_house: Open):
    app = open_house()
    [image], _ = run(app, "a bright field")
    assert image.file is not None
    assert image.pixels_sha256 != decode(image.file.data).sha256()
    [again], _ = run(app, "a bright field")
    assert again.pixels_sha256 == image.pixels_sha256


def test_each_image_has_a_seed_of_its_own_that_alone_gives_it_again(open_house: Open):
    app = open_house()
    images, record = run(app, "a bright field", n=4, seed=2**32 - 2)
    assert [image.seed for image in images] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert body(record, "request.accepted")["seeds"] == [image.seed for image in images]
    assert len({image.pixels_sha256 for image in images}) == 4
    for image in images:
        [alone], _ = run(app, "a bright field", seed=image.seed)
        assert alone.pixels_sha256 == image.pixels_sha256


def test_a_blocked_prompt_costs_no_further_step_and_leaves_no_file(open_house: Open):
    app = open_house()
    [image], record = run(app, "a bad field")
    assert (image.outcome, image.file) == ("withheld", None)
    [decision] = image.decisions
    assert (decision.action, decision.rules, decision.message) == ("block", ("bad-word",), "Not that word.")
    assert [step["step"] for step in body(record, "generation.steps")["steps"]] == ["toy.words"]
    assert body(record, "image.outcome")["outcome"] == "withheld"
    assert kept_files(app) == []


def test_evidence_is_kept_apart_from_the_event(open_house: Open):
    [_], record = run(open_house(), "a bad field")
    [decision] = [event for event in record.events if event.kind == "decision"]
    assert decision.payloads["evidence"].value == {"prompt:toy.bad": [[2, 5, "bad"]]}
    assert "bad field" not in str(decision.body)


def test_what_a_rewrite_brings_in_is_stopped_by_the_filter_behind_it(open_house: Open):
    [image], record = run(open_house(), "a secretly bright field", pipeline="rewritten")
    assert image.outcome == "withheld"
    assert [(decision.after_step, decision.action) for decision in image.decisions] == [
        ("toy.words", "allow"),
        ("words-again", "block"),
    ]
    [steps] = [event for event in record.events if event.kind == "generation.steps"]
    assert steps.payloads["rewrites"].value == [
        {"step": "toy.embellish", "before": "a secretly bright field", "after": "a bad bright field, finely"}
    ]


def test_an_image_the_policy_blocks_is_not_kept(open_house: Open):
    app = open_house()
    [image], record = run(app, "dark night")
    assert (image.outcome, image.file) == ("withheld", None)
    assert image.decisions[-1].rules == ("too-dark",)
    assert body(record, "image.outcome")["file"] is None
    assert kept_files(app) == []


def test_a_held_prompt_waits_and_nothing_is_made(open_house: Open):
    app = open_house()
    [image], record = run(app, "an odd field")
    assert (image.outcome, image.file) == ("held", None)
    assert [step["step"] for step in body(record, "generation.steps")["steps"]] == ["toy.words"]
    assert kept_files(app) == []


def test_a_held_image_is_marked_and_stored_and_not_given_away(open_house: Open):
    app = open_house()
    [image], record = run(app, "dim evening")
    assert (image.outcome, image.file) == ("held", None)
    stored = app.images.read(app.database, body(record, "image.outcome")["image"], as_reviewer=True)
    assert decode(stored).pillow().getpixel((0, 0)) == (255, 255, 255)


def test_a_check_that_breaks_is_not_an_allow(open_house: Open):
    [image], record = run(open_house(), "crash and bright field")
    assert (image.outcome, image.file) == ("withheld", None)
    assert "on fire" in image.decisions[0].error
    assert body(record, "generation.steps")["steps"][0]["outcome"] == "failed"


def test_a_working_step_that_breaks_fails_its_image_and_names_the_step(open_house: Open):
    app = open_house()
    [image], record = run(app, "break the brush")
    assert image.outcome == "failed"
    assert "draw" in image.error
    assert "no more paint" in image.error
    assert body(record, "image.outcome")["reason"] == "draw"
    assert body(record, "request.closed")["outcomes"] == {"failed": 1}


def test_the_record_tells_what_sameness_rests_on(open_house: Open):
    _, record = run(open_house(), "a field")
    versions = body(record, "request.accepted")["versions"]
    assert versions["torch threads"] == str(torch.get_num_threads())
    assert versions["torch"] == torch.__version__
    assert {"limner", "diffusers", "transformers"} <= set(versions)


def test_a_parameter_reaches_its_step_and_the_record(open_house: Open):
    app = open_house()
    [light], record = run(app, "a field", parameters={"shade": 0.5})
    assert light.file is not None
    assert decode(light.file.data).tensor().mean() > 0.4
    assert body(record, "request.accepted")["parameters"] == {"shade": 0.5}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"pipeline": "plane"}, "did you mean 'plain'"),
        ({"parameters": {"shade": 2}}, "shade"),
        ({"parameters": {"shad": 0}}, "did you mean 'shade'"),
        ({"n": 11}, "11 images"),
        ({"task": "edit", "pipeline": "plain"}, "for the task generate"),
    ],
)
def test_a_request_that_cannot_run_is_refused_and_not_recorded(open_house: Open, kwargs: dict[str, Any], message: str):
    app = open_house()
    asked = app.request("a field", **kwargs)
    with pytest.raises(UsageError, match=message):
        app.run(asked)
    with pytest.raises(UsageError, match="on the record"):
        request(app.database, app.keys, asked.id)


class _CancelAt(Watcher):
    def __init__(self, app: App) -> None:
        self.app, self.request_id = app, ""

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        self.app.orchestrator.cancel(self.request_id)


def test_a_cancelled_request_ends_in_order(open_house: Open):
    app = open_house()
    asked = app.request("a field", n=3, seed=1)
    watcher = _CancelAt(app)
    watcher.request_id = asked.id
    result = app.run(asked, watcher)
    assert "cancelled" in {image.outcome for image in result.images}
    record = request(app.database, app.keys, asked.id)
    assert record.events[-1].kind == "request.closed"
    assert sum(record.events[-1].body["outcomes"].values()) == 3


class _Deaf(Watcher):
    def ended(self, image: ImageResult) -> None:
        raise RuntimeError("the caller has gone")


def test_whatever_goes_wrong_the_record_is_closed(open_house: Open):
    app = open_house()
    asked = app.request("a field", n=2, seed=1)
    with pytest.raises(RuntimeError, match="has gone"):
        app.run(asked, _Deaf())
    record = request(app.database, app.keys, asked.id)
    assert record.events[-1].kind == "request.closed"
    assert sum(record.events[-1].body["outcomes"].values()) == 2


class _Interrupted(Watcher):
    def ended(self, image: ImageResult) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_closes_the_record_with_what_was_released_and_what_was_not(open_house: Open):
    app = open_house()
    asked = app.request("a field", n=2, seed=1)
    with pytest.raises(KeyboardInterrupt):
        app.run(asked, _Interrupted())
    record = request(app.database, app.keys, asked.id)
    assert record.events[-1].body["outcomes"] == {"released": 1, "cancelled": 1}


class _OddWriter(AuditWriter):
    """Does to appends with an event of one kind what a test wants."""

    def __init__(self, app: App, kind: str, spoil: Callable[[Appended], Appended]) -> None:
        super().__init__(app.database, app.keys)
        self.kind, self.spoil = kind, spoil

    def append(self, events: Sequence[Event], changes: Sequence[Any] = ()) -> Appended:
        appended = super().append(events, changes)
        return self.spoil(appended) if any(event.kind == self.kind for event in events) else appended


def _unrecorded(appended: Appended) -> Appended:
    failed = Appended(appended.append)
    settle([(failed, AuditError("the database was away"))])
    return failed


def _interrupted_once(appended: Appended) -> Appended:
    def interrupt() -> Any:
        del appended.result  # type: ignore[method-assign]
        raise KeyboardInterrupt

    appended.result = interrupt  # type: ignore[assignment,method-assign]
    return appended


def test_an_interrupt_while_the_outcome_is_written_leaves_no_open_record(open_house: Open):
    app = open_house()
    app.writer = _OddWriter(app, IMAGE_OUTCOME, _interrupted_once)  # type: ignore[misc]
    asked = app.request("a field", seed=1)
    with pytest.raises(KeyboardInterrupt):
        app.run(asked)
    record = request(app.database, app.keys, asked.id)
    assert body(record, "image.outcome")["outcome"] == "released"
    assert record.events[-1].body["outcomes"] == {"released": 1}


def test_an_image_whose_decisions_are_not_recorded_is_not_recorded_as_released(open_house: Open):
    app = open_house()
    app.writer = _OddWriter(app, DECISION, _unrecorded)  # type: ignore[misc]
    [image], record = run(app, "a field")
    assert (image.outcome, image.file) == ("failed", None)
    assert "the database was away" in image.error
    assert body(record, "image.outcome")["outcome"] == "failed"
    assert record.events[-1].kind == "request.closed"


class _TakenForDead(Watcher):
    """Closes the request as another process would that takes this one for dead."""

    def __init__(self, app: App, request_id: str) -> None:
        self.app, self.request_id, self.done = app, request_id, False

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        if not self.done:
            self.done = True
            ends = [image_outcome(self.request_id, 0, "abandoned"), request_closed(self.request_id, ["abandoned"])]
            self.app.writer.append(ends).result()


def test_what_was_abandoned_meanwhile_is_not_released_and_its_file_goes(open_house: Open):
    app = open_house()
    asked = app.request("a field", seed=1)
    with pytest.raises(AuditError, match=r"not open|too late"):
        app.run(asked, _TakenForDead(app, asked.id))
    assert kept_files(app) == []
    assert body(request(app.database, app.keys, asked.id), "image.outcome")["outcome"] == "abandoned"


def test_an_image_that_cannot_be_kept_fails_and_says_why(open_house: Open):
    app = open_house()
    app.project.state.mkdir(exist_ok=True)
    (app.project.state / "images").write_text("in the way")
    [image], record = run(app, "a field")
    assert (image.outcome, image.file) == ("failed", None)
    assert "cannot be kept" in image.error
    assert body(record, "request.closed")["outcomes"] == {"failed": 1}


class _Swell(limner.Step):
    """Makes image 1 wider than WEBP can hold."""

    type: ClassVar[str] = "toy.swell"

    @limner.hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        return [self._swell(generation) for generation in generations]

    def _swell(self, generation: limner.Generation) -> limner.Image:
        assert generation.image is not None
        return limner.Image(generation.image.pillow().resize((17000, 2))) if generation.index == 1 else generation.image


def test_an_image_that_cannot_be_encoded_fails_alone(open_house: Open):
    pipelines = PIPELINES.replace("      - use: toy.look", "      - use: toy.swell\n      - use: toy.look", 1)
    images, record = run(open_house(pipelines=pipelines, plugins=[plugin(_Swell)]), "a field", n=3, output_format="webp")
    assert [image.outcome for image in images] == ["released", "failed", "released"]
    assert images[1].error
    assert body(record, "request.closed")["outcomes"] == {"released": 2, "failed": 1}


class _Swap(limner.Step):
    """Gives another picture for the one it was to attest."""

    type: ClassVar[str] = "toy.swap"

    @limner.hookimpl
    def attest(self, generations: Sequence[limner.Generation]) -> list[limner.EncodedImage]:
        return [self._swap(generation) for generation in generations]

    def _swap(self, generation: limner.Generation) -> limner.EncodedImage:
        assert generation.image is not None
        assert generation.file is not None
        upside_down = generation.image.pillow().rotate(180)
        return encode(limner.Image(upside_down), generation.file.format)


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_attestation_cannot_swap_the_picture(open_house: Open, output_format: str):
    pipelines = PIPELINES.replace("      - use: toy.mark", "      - use: toy.mark\n      - use: toy.swap", 1)
    app = open_house(pipelines=pipelines, plugins=[plugin(_Swap)])
    [image], record = run(app, "a field", output_format=output_format)
    assert (image.outcome, image.file) == ("failed", None)
    assert body(record, "image.outcome")["reason"] == "read back"
    assert kept_files(app) == []


class _LoseTable(Watcher):
    """Damages the database while the image is being drawn."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.ends: list[ImageResult] = []

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        with self.app.database.writing() as connection:
            connection.execute(text("DROP TABLE IF EXISTS outcomes"))

    def ended(self, image: ImageResult) -> None:
        self.ends.append(image)


def test_nothing_is_released_that_cannot_be_recorded(open_house: Open):
    app = open_house()
    watcher, lives = _LoseTable(app), app.orchestrator
    with pytest.raises(AuditError, match="outcomes"):
        lives.run(app.request("a field", seed=1), watcher)
    assert watcher.ends == []


def _cancelling(app: Callable[[], App]) -> ModuleType:
    module = ModuleType("cancelling")

    @limner.hookimpl
    def after_request_accepted(request: Any) -> None:
        app().orchestrator.cancel(request.request_id)

    module.after_request_accepted = after_request_accepted  # type: ignore[attr-defined]
    return module


def test_a_request_cancelled_before_its_first_step_makes_nothing(open_house: Open):
    app: App = open_house(plugins=[plugin(), _cancelling(lambda: app)])
    images, record = run(app, "a field", n=2)
    assert [image.outcome for image in images] == ["cancelled", "cancelled"]
    assert body(record, "request.closed")["outcomes"] == {"cancelled": 2}
    assert not app.orchestrator.cancel(record.id)


def test_a_list_edited_under_a_running_process_blocks_instead_of_lying(open_house: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Words, "digest", classmethod(lambda cls, options, models: "old"))
    app = open_house()
    assert app.pipelines["plain"].pipeline.steps[0].digest == "old"
    monkeypatch.setattr(Words, "digest", classmethod(lambda cls, options, models: "new"))
    [image], _ = run(app, "a field")
    assert image.outcome == "withheld"
    assert "have changed" in image.decisions[0].error


class _Endless(limner.Step):
    """Works until it is cancelled."""

    type: ClassVar[str] = "toy.endless"

    @limner.hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        for i in itertools.count():
            self.tick(generations[0], i, i + 1)
        raise AssertionError


class _Began(Watcher):
    def __init__(self) -> None:
        self.began = threading.Event()

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        if step == "toy.endless":
            self.began.set()


def test_closing_an_application_ends_what_runs_on_other_threads_and_closes_its_record(open_house: Open):
    pipelines = PIPELINES.replace("      - use: toy.look", "      - use: toy.endless\n      - use: toy.look", 1)
    app, watcher = open_house(pipelines=pipelines, plugins=[plugin(_Endless)]), _Began()
    asked = app.request("a field", seed=1)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(app.run, asked, watcher)
        assert watcher.began.wait(60)
        app.close()
    assert [image.outcome for image in running.result().images] == ["cancelled"]
    assert body(request(app.database, app.keys, asked.id), "request.closed")["outcomes"] == {"cancelled": 1}


def _watching(seen: list[tuple[str, Any]]) -> ModuleType:
    module = ModuleType("watching")

    @limner.hookimpl
    def after_request_accepted(request: Any) -> None:
        seen.append(("accepted", request))

    @limner.hookimpl
    def after_step(step: Any) -> None:
        seen.append(("step", step))
        raise RuntimeError("a watcher's own trouble")

    @limner.hookimpl
    def on_step_error(step: Any) -> None:
        seen.append(("error", step))

    @limner.hookimpl
    def after_decision(decision: Any) -> None:
        seen.append(("decision", decision))

    @limner.hookimpl
    def after_release(release: Any) -> None:
        seen.append(("release", release))

    for hook in (after_request_accepted, after_step, on_step_error, after_decision, after_release):
        setattr(module, hook.__name__, hook)
    return module


def test_life_cycle_hooks_watch_without_words_and_cannot_change_the_outcome(open_house: Open):
    seen: list[tuple[str, Any]] = []
    app = open_house(plugins=[plugin(), _watching(seen)])
    [image], _ = run(app, "a bright field")
    assert image.outcome == "released"
    assert [name for name, _ in seen] == ["accepted", "step", "decision", "step", "step", "decision", "step", "release"]
    assert "bright" not in repr(seen)
    assert app.registry.lifecycle_errors == {"watching": 4}


class _Quoting(limner.Step):
    """Quotes the prompt in its error."""

    type: ClassVar[str] = "toy.quoting"

    @limner.hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        raise ValueError(f"cannot make {generations[0].prompt}")


def test_an_error_that_quotes_the_prompt_reaches_the_caller_and_no_hook(open_house: Open):
    seen: list[tuple[str, Any]] = []
    pipelines = PIPELINES.replace("      - use: toy.look", "      - use: toy.quoting\n      - use: toy.look", 1)
    app = open_house(pipelines=pipelines, plugins=[plugin(_Quoting), _watching(seen)])
    [image], record = run(app, "a bright field")
    assert "cannot make a bright field" in image.error
    assert [view.error for name, view in seen if name == "error"] == ["ValueError"]
    assert "bright" not in repr(seen)
    assert "bright" not in repr([event.body for event in record.events])


@pytest.mark.parametrize(
    ("parameters", "outcome"),
    [
        ({"shade": 0.5}, "withheld"),
        ({"shade": "0.5"}, "withheld"),
        ({"shade": "5e-1"}, "withheld"),
        ({"shade": "0.4"}, "released"),
    ],
)
def test_a_rule_sees_a_parameter_as_it_is_used_however_it_was_written(
    open_house: Open, parameters: dict[str, Any], outcome: str
):
    rule = "  - {id: shady, at: prompt, signal: toy.bad, at_least: 0.0, when: request.parameters.shade == 0.5, then: block}\n"
    app = open_house(policies={"house": POLICY + rule}, pipelines=PIPELINES.split("  rewritten:")[0])
    [image], _ = run(app, "a field", parameters=parameters)
    assert image.outcome == outcome


def test_a_rule_sees_a_parameter_that_the_request_leaves_out(open_house: Open):
    rule = "  - {id: shady, at: prompt, signal: toy.bad, at_least: 0.0, when: request.parameters.shade == 0.0, then: block}\n"
    [image], _ = run(open_house(policies={"house": POLICY + rule}), "a field")
    assert (image.outcome, image.decisions[0].rules) == ("withheld", ("shady",))


def test_a_shadow_policy_is_judged_and_recorded_and_stops_nobody(open_house: Open):
    shadow = POLICY.replace("policy: house", "policy: stricter").replace(
        "toy.odd, at_least: 1.0, then: review", "toy.odd, at_least: 0.0, then: block"
    )
    pipelines = PIPELINES.replace(
        "    policy: house\n    parameters", "    policy: house\n    shadow_policy: stricter\n    parameters"
    )
    [image], record = run(open_house(pipelines=pipelines, policies={"house": POLICY, "stricter": shadow}), "a bright field")
    assert image.outcome == "released"
    judged = [event.body for event in record.events if event.kind == "decision" and event.body["policy"] == "stricter"]
    [finding] = [finding for finding in judged[0]["findings"] if finding["rule"] == "odd-word"]
    assert (finding["result"], finding["action"], finding["mode"]) == ("fail", "block", "shadow")
