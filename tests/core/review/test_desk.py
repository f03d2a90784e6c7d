"""The reviewer's desk, over the real application: held inputs run on, held images leave as made, four eyes, recall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import PIPELINES, POLICY, house
from sqlalchemy import select

from limner.app import App
from limner.audit.agreement import disagreements
from limner.audit.erasing import erase
from limner.audit.events import IMAGE_OUTCOME, REVIEWED
from limner.audit.log import Change
from limner.audit.reading import request
from limner.audit.scope import Scope
from limner.audit.standing import Refused
from limner.database.tables import events, images, outcomes
from limner.deny import DenyKind, add, remove
from limner.errors import AuditError, UsageError
from limner.generation import Decision
from limner.images.encoding import decode
from limner.images.fingerprint import fingerprint
from limner.result import ImageResult
from limner.review import Desk, Hold, find, matching, recall, waiting
from limner.review.quarantine import expire

JUDGED = POLICY.replace("categories: {words: {}}", "categories: {words: {}, own: {four_eyes: true}, kept: {keep: quarantine}}")
JUDGED = JUDGED.replace("at_least: 0.75, then: review", "at_least: 0.75, then: review, category: own")
JUDGED = JUDGED.replace("at_least: 0.9, then: block", "at_least: 0.9, then: block, category: kept")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path, policies={"house": POLICY}) as opened:
        yield opened


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[App]:
    """A house whose darkish images take two people, and whose dark ones are kept."""
    with house(tmp_path, policies={"house": JUDGED}) as opened:
        yield opened


def desk(app: App) -> Desk:
    return app.desk


def hold(app: App, prompt: str, **more: int) -> tuple[Hold, ImageResult]:
    """The hold of a request that is held, with the image as its caller saw it."""
    asked = app.request(prompt, **{"seed": 7, **more})
    [image, *_] = app.run(asked).images
    assert (image.outcome, image.file) == ("held", None)
    return find(app.database, asked.id)[0], image


def outcome(app: App, held: Hold) -> str | None:
    with app.database.reading() as connection:
        query = select(outcomes.c.outcome).where(outcomes.c.request_id == held.request_id, outcomes.c.image == held.index)
        return connection.scalar(query)


def files(app: App) -> list[Path]:
    return [path for path in (app.project.state / "images").rglob("*") if path.is_file()]


def test_a_held_input_runs_on_when_released_as_it_would_have_been_made(app: App) -> None:
    held, _ = hold(app, "an odd field")
    assert (held.is_input, held.rules, held.gate) == (True, ("odd-word",), "prompt")
    verdict = desk(app).release(held, actor="local:rev", reason="a field is fine")
    assert verdict.resumed is not None
    [image] = app.run(verdict.resumed).images
    assert image.outcome == "released"
    plain = app.run(replace(verdict.resumed, id="again")).images[0]
    assert plain.pixels_sha256 == image.pixels_sha256
    assert image.seed == 7
    accepted = request(app.database, app.keys, verdict.resumed.id).events[0].body
    assert accepted["resumes"] == {"request": held.request_id, "index": 0, "hold": held.id, "rules": ["odd-word"]}
    decided = request(app.database, app.keys, held.request_id).events[-1]
    assert (decided.kind, decided.body["reason"]) == ("review.decided", "a field is fine")
    assert decided.body["resumed_as"] == verdict.resumed.id
    assert waiting(app.database) == ()


def test_what_a_release_did_not_speak_of_still_stops_the_run(app: App) -> None:
    held, _ = hold(app, "an odd dim field")
    resumed = desk(app).release(held, actor="local:rev", reason="fine").resumed
    assert resumed is not None
    add(app.writer, "term", "field", actor="local:op", reason="a campaign")
    app.__dict__.pop("deny")
    app.__dict__.pop("orchestrator")
    assert app.run(resumed).images[0].outcome == "withheld"
    bad = replace(resumed, id="another", prompt="an odd bad field")
    assert app.run(bad).images[0].outcome == "withheld"


def test_a_release_whose_run_never_began_can_be_given_again(app: App) -> None:
    held, _ = hold(app, "an odd field")
    first = desk(app).release(held, actor="local:rev", reason="fine").resumed
    [released] = find(app.database, held.id)
    again = desk(app).release(released, actor="local:rev", reason="the machine died").resumed
    assert first is not None
    assert again is not None
    assert again.id == first.id
    app.run(again)
    with pytest.raises(UsageError, match=f"runs as request {first.id}"):
        desk(app).release(released, actor="local:rev", reason="once more")


def test_a_held_image_leaves_as_it_was_marked(app: App) -> None:
    held, seen = hold(app, "dim field")
    with pytest.raises(UsageError, match="held, and is not given out"):
        app.images.read(app.database, held.image_id)
    verdict = desk(app).release(held, actor="local:rev", reason="dusk")
    assert verdict.file is not None
    assert decode(verdict.file).pillow().getpixel((0, 0)) == (255, 255, 255)
    assert app.images.read(app.database, held.image_id) == verdict.file
    assert outcome(app, held) == "released"
    events = request(app.database, app.keys, held.request_id).events
    [before, after] = [event.body for event in events if event.kind == "image.outcome"]
    assert (before["outcome"], after["outcome"], after["reason"]) == ("held", "released", "review")
    assert before["file"] == after["file"]
    assert after["pixels_sha256"] == seen.pixels_sha256


@pytest.mark.parametrize(
    ("kind", "prompt", "pipeline", "gate"),
    [
        ("image", "dim field", "plain", "image"),
        ("term", "dim field", "plain", "prompt"),
        ("subject", "dim field", "plain", "prompt"),
        ("term", "dim field", "rewritten", "prompt"),  # of what a step has made of the prompt
        ("term", "an odd field", "plain", "prompt"),
        ("subject", "an odd field", "plain", "prompt"),
    ],
)
def test_a_reviewer_does_not_overrule_what_was_denied_since(
    app: App, kind: DenyKind, prompt: str, pipeline: str, gate: str
) -> None:
    asked = app.request(prompt, seed=7, pipeline=pipeline)
    app.run(asked)
    [held] = find(app.database, asked.id)
    value = {"term": "finely" if pipeline == "rewritten" else "field", "subject": app.keys.lookup(asked.caller.subject)}
    if kind == "image":
        value["image"] = f"{fingerprint(decode(app.images.read(app.database, held.image_id, as_reviewer=True))):016x}"
    denied = add(app.writer, kind, value[kind], actor="local:op", reason="a campaign")
    app.__dict__.pop("deny")
    with pytest.raises(UsageError, match=f"on the deny list by now, at the {gate}: deny:{denied.id}"):
        desk(app).release(held, actor="local:rev", reason="fine")
    assert outcome(app, held) == "held"
    remove(app.writer, app.database, denied.id, actor="local:op", reason="it is over")
    app.__dict__.pop("deny")
    assert desk(app).release(held, actor="local:rev", reason="fine").said == "release"


def test_a_release_waits_until_the_deny_list_can_be_asked(app: App) -> None:
    held, _ = hold(app, "dim field")
    broken = Decision("prompt", "block", "deny list", "", (), error="the deny list cannot be asked: OperationalError")
    with pytest.raises(UsageError, match="cannot be asked"):
        replace(desk(app), refusal=lambda *made: broken).release(held, actor="local:rev", reason="fine")
    assert outcome(app, held) == "held"


def test_what_cannot_be_compared_with_the_deny_list_any_more_is_not_released(app: App) -> None:
    asked = app.request("dim field", seed=7, pipeline="rewritten")
    app.run(asked)
    [held] = find(app.database, asked.id)
    with app.database.writing() as connection:
        connection.exec_driver_sql("UPDATE payloads SET wrapped_key = NULL WHERE name = 'rewrites'")
    with pytest.raises(UsageError, match="cannot be looked for on the deny list any more: its rewritten prompt is erased"):
        desk(app).release(held, actor="local:rev", reason="fine")
    with app.database.writing() as connection:
        connection.exec_driver_sql("UPDATE payloads SET wrapped_key = NULL WHERE name = 'prompt'")
    with pytest.raises(UsageError, match="any more: its prompt is erased"):
        desk(app).release(held, actor="local:rev", reason="fine")
    assert outcome(app, held) == "held"


def test_withholding_destroys_the_image_and_is_final(app: App) -> None:
    held, _ = hold(app, "dim field")
    desk(app).withhold(held, actor="local:rev", reason="too dark")
    assert outcome(app, held) == "withheld"
    assert files(app) == []
    with pytest.raises(AuditError, match="erased"):
        app.images.read(app.database, held.image_id, as_reviewer=True)
    [decided] = find(app.database, held.id)
    with pytest.raises(UsageError, match="withheld already"):
        desk(app).release(decided, actor="local:rev", reason="after all")


def test_of_two_reviewers_at_once_one_is_heard(app: App) -> None:
    held, _ = hold(app, "dim field")
    desk(app).release(held, actor="local:rev", reason="fine")
    with pytest.raises(Refused, match="comes too late"):
        desk(app).withhold(held, actor="local:other", reason="not fine")
    assert app.images.read(app.database, held.image_id)
    held, _ = hold(app, "an odd field")
    desk(app).release(held, actor="local:rev", reason="fine")
    with pytest.raises(Refused, match="another reviewer"):
        desk(app).release(held, actor="local:other", reason="fine")


def test_an_image_that_is_erased_while_it_is_looked_at_is_not_released(app: App) -> None:
    held, _ = hold(app, "dim field")

    def erase_it(*made: object) -> None:
        scope = Scope("image", held.image_id, held.request_id)
        erase(app.database, app.writer, scope, actor="local:op", reason="asked for", forget=app.images.forget)

    with pytest.raises(Refused, match="erased or recalled meanwhile"):
        replace(desk(app), refusal=erase_it).release(held, actor="local:rev", reason="fine")
    assert outcome(app, held) == "held"
    with pytest.raises(AuditError, match="erased"):
        app.images.read(app.database, held.image_id)
    desk(app).withhold(held, actor="local:rev", reason="it is gone")
    assert outcome(app, held) == "withheld"


def test_a_file_whose_state_is_not_known_is_not_given_out(app: App) -> None:
    app.run(app.request("a bright field", seed=1))
    [one] = matching(app.database, ["pipeline=plain"])
    with app.database.writing() as connection:
        connection.exec_driver_sql("UPDATE images SET state = 'doubtful'")
    with pytest.raises(UsageError, match="doubtful, and is not given out"):
        app.images.read(app.database, one.image_id)


def test_a_reviewers_word_needs_a_reason(app: App) -> None:
    held, _ = hold(app, "an odd field")
    for word in (desk(app).release, desk(app).withhold):
        with pytest.raises(UsageError, match="reason"):
            word(held, actor="local:rev", reason=" ")


def test_four_eyes_take_two_people_neither_of_whom_asked(strict: App) -> None:
    asked = strict.request("dim field", seed=7)
    strict.run(asked)
    [held] = find(strict.database, asked.id)
    assert held.four_eyes
    with pytest.raises(UsageError, match="who asked for it"):
        desk(strict).release(held, actor=asked.caller.subject, reason="mine")
    assert desk(strict).release(held, actor="local:one", reason="dusk").said == "agree"
    assert outcome(strict, held) == "held"
    with pytest.raises(UsageError, match="you have agreed already"):
        desk(strict).release(held, actor="local:one", reason="again")
    assert [each.approvals for each in waiting(strict.database)] == [1]
    assert desk(strict).release(held, actor="local:two", reason="dusk indeed").file is not None
    assert outcome(strict, held) == "released"
    told = [e.body.get("held") for e in request(strict.database, strict.keys, asked.id).events if e.kind == IMAGE_OUTCOME]
    assert [(one["hold"], one["four_eyes"]) if one else None for one in told] == [(held.id, True), None]
    with strict.database.reading() as connection:
        assert disagreements(connection) == []


class Overtaken(Desk):
    """A desk at which another reviewer agrees while one still looks who has."""

    def _is_second(self, hold: Hold, actor: str) -> bool:
        second = super()._is_second(hold, actor)
        if actor == "local:two":
            assert Desk.release(self, hold, actor="local:one", reason="dusk").said == "agree"
        return second


def test_of_two_who_agree_at_once_the_later_one_releases(tmp_path: Path, database_url: str) -> None:
    with house(tmp_path, policies={"house": JUDGED}, database_url=database_url) as app:
        asked = app.request("dim field", seed=7)
        app.run(asked)
        [held] = find(app.database, asked.id)
        parts = {name: getattr(app.desk, name) for name in Desk.__dataclass_fields__}
        assert Overtaken(**parts).release(held, actor="local:two", reason="dusk indeed").file is not None
        assert outcome(app, held) == "released"
        said = [event.body["action"] for event in request(app.database, app.keys, asked.id).events if event.kind == REVIEWED]
        assert said == ["agree", "release"]
        held, _ = hold(app, "dim field")
        app.desk.withhold(held, actor="local:one", reason="too dark")
        with pytest.raises(Refused, match="another reviewer has decided it"):
            app.desk.release(held, actor="local:two", reason="dusk")


class Hurried(Desk):
    """A desk at which the reviewer says the same in another window, after it was looked who has agreed."""

    def _first_agreement(self, hold: Hold, actor: str) -> Change:
        note = super()._first_agreement(hold, actor)
        other_window = Desk(**{name: getattr(self, name) for name in Desk.__dataclass_fields__})
        assert other_window.release(hold, actor=actor, reason="dusk").said == "agree"
        return note


class Trusting(Desk):
    """A desk that takes whoever comes for the second."""

    def _is_second(self, hold: Hold, actor: str) -> bool:
        return True


@pytest.mark.parametrize(("kind", "said"), [(Hurried, "you have agreed already"), (Trusting, "nobody else has agreed")])
def test_nobody_is_both_pairs_of_eyes(tmp_path: Path, database_url: str, kind: type[Desk], said: str) -> None:
    with house(tmp_path, policies={"house": JUDGED}, database_url=database_url) as app:
        held, _ = hold(app, "dim field")
        parts = {name: getattr(app.desk, name) for name in Desk.__dataclass_fields__}
        with pytest.raises(Refused, match=said):
            kind(**parts).release(held, actor="local:one", reason="dusk")
        assert outcome(app, held) == "held"
        with pytest.raises(UsageError, match="held, and is not given out"):
            app.images.read(app.database, held.image_id)


def test_a_blocked_image_of_a_kept_category_goes_to_quarantine_until_its_time_is_over(strict: App) -> None:
    asked = strict.request("dark night", seed=7)
    [image] = strict.run(asked).images
    assert (image.outcome, image.file) == ("withheld", None)
    with strict.database.reading() as connection:
        [row] = connection.execute(select(images)).all()
    assert row.state == "quarantined"
    with pytest.raises(UsageError, match="in quarantine"):
        strict.images.read(strict.database, row.id)
    kept = decode(strict.images.read(strict.database, row.id, as_reviewer=True))
    assert kept.sha256() == image.pixels_sha256
    assert matching(strict.database, [asked.id]) == ()
    assert expire(strict.database, strict.writer, strict.images) == ()
    with strict.database.writing() as connection:
        connection.exec_driver_sql("UPDATE quarantine SET until = '2020-01-01T00:00:00.000000Z'")
    assert expire(strict.database, strict.writer, strict.images) == (row.id,)
    assert files(strict) == []
    with strict.database.reading() as connection:
        assert "quarantine.expired" in set(connection.scalars(select(events.c.kind)))


def test_a_policy_that_is_tried_does_not_keep_a_blocked_image_from_quarantine(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("policy: house\n", "policy: house\n    shadow_policy: tried\n")
    policies = {"house": JUDGED, "tried": POLICY.replace("policy: house", "policy: tried")}
    with house(tmp_path, pipelines=pipelines, policies=policies) as app:
        app.run(app.request("dark night", seed=7))
        with app.database.reading() as connection:
            assert connection.scalars(select(images.c.state)).all() == ["quarantined"]


def test_a_withheld_image_can_go_to_quarantine_as_well(app: App) -> None:
    held, _ = hold(app, "dim field")
    desk(app).withhold(held, actor="local:rev", reason="evidence", quarantine_days=9)
    assert app.images.read(app.database, held.image_id, as_reviewer=True)
    assert expire(app.database, app.writer, app.images) == ()


def test_recalled_images_are_no_longer_given_out(app: App) -> None:
    first, second = (app.request("a bright field", n=2, seed=seed) for seed in (1, 5))
    for asked in (first, second):
        app.run(asked)
    everything = matching(app.database, ["pipeline=plain", "since=1h"])
    assert [(image.request_id, image.index) for image in everything] == [
        (first.id, 0),
        (first.id, 1),
        (second.id, 0),
        (second.id, 1),
    ]
    [one] = matching(app.database, [f"{first.id}/1"])
    recall(app.writer, [one], actor="local:op", reason="a likeness")
    with pytest.raises(UsageError, match="recalled, and is not given out"):
        app.images.read(app.database, one.image_id)
    assert len(matching(app.database, ["pipeline=plain"])) == 3
    [event] = [event for event in request(app.database, app.keys, first.id).events if event.kind == "image.recalled"]
    assert event.body == {"index": 1, "image": one.image_id, "reason": "a likeness"}
    assert matching(app.database, [one.image_id[:10]]) == ()


@pytest.mark.parametrize(("query", "said"), [("pipline=plain", "did you mean 'pipeline'?"), ("since=soon", "write 90m")])
def test_a_query_that_means_nothing_is_refused(app: App, query: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        matching(app.database, [query])
    assert said in str(caught.value)


def test_holds_are_found_by_what_people_have_at_hand(app: App) -> None:
    held, _ = hold(app, "an odd field", n=2)
    assert {each.index for each in find(app.database, held.request_id)} == {0, 1}  # whichever was held first
    assert find(app.database, f"{held.request_id}/1")[0].index == 1
    assert find(app.database, held.id[:8])[0].id == held.id
    with pytest.raises(UsageError, match="nothing is held"):
        find(app.database, "nothing")


def test_what_begins_the_ids_of_two_names_neither(app: App) -> None:
    ids = [f"{'5e' * 8}{last * 16}" for last in "ab"]
    for id in ids:
        app.run(replace(app.request("an odd field", seed=7), id=id))
        app.run(replace(app.request("a bright field", seed=7), id=id[::-1]))
    for look in (lambda: find(app.database, "5e" * 6), lambda: matching(app.database, ["5e" * 6])):
        with pytest.raises(UsageError, match="several requests begin with"):
            look()
    assert [hold.request_id for hold in find(app.database, ids[0][:17])] == [ids[0]]
    assert [image.request_id for image in matching(app.database, [ids[1][::-1][:8] + "/0"])] == [ids[1][::-1]]
    [image, _] = matching(app.database, ["pipeline=plain"])
    assert matching(app.database, [image.image_id[:8]]) == (image,)


@pytest.mark.parametrize("index", ["", "O", "-1", "1 ", "²", "0/1", "99999999999999999999"])
def test_what_stands_for_no_image_after_a_request_does_not_stand_for_all_of_them(app: App, index: str) -> None:
    held, _ = hold(app, "an odd field", n=2)
    left = app.request("a bright field", n=2, seed=7)
    app.run(left)
    for id in (held.request_id, held.request_id[:8]):
        with pytest.raises(UsageError, match="is held"):
            find(app.database, f"{id}/{index}")
    for id in (left.id, left.id[:8]):
        assert matching(app.database, [f"{id}/{index}"]) == ()
