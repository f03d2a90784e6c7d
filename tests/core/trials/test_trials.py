"""Policies on trial over a toy project: explained, compared on the record, calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from house import POLICY, house

from limner.app import App
from limner.deny import add
from limner.errors import UsageError
from limner.trials.calibrating import calibrate, find_scorer
from limner.trials.diffing import compare, find_policy
from limner.trials.explaining import explain_prompt, explain_record, lines

STRICTER = POLICY.replace("policy: house", "policy: stricter").replace(
    "toy.odd, at_least: 1.0, then: review", "toy.odd, at_least: 1, then: block"
)
DARKER = POLICY.replace("policy: house", "policy: darker").replace("at_least: 0.75", "at_least: 0.6")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path, policies={"house": POLICY, "stricter": STRICTER, "darker": DARKER}) as opened:
        yield opened


def run(app: App, prompt: str, **more: object) -> str:
    asked = app.request(prompt, seed=7, **more)  # type: ignore[arg-type]
    app.run(asked)
    return asked.id


def test_a_record_is_explained_rule_by_rule(app: App) -> None:
    [explained] = explain_record(app, run(app, "a bad field"))
    told = "\n".join(lines(explained))
    assert "prompt: block after toy.words  (policy house" in told
    assert "  bad-word  applies → block  toy.bad 1 (>= 1.0)  margin +0  [words]" in told
    assert "  odd-word  passes  toy.odd 0 (>= 1.0)  margin -1" in told
    assert "  seen for prompt:toy.bad: 'bad' at 2-5" in told
    assert "not judged (not reached" in told
    assert "  too-dark  at image" in told


def test_a_failed_check_says_what_failed(app: App) -> None:
    [explained] = explain_record(app, run(app, "crash"))
    told = "\n".join(lines(explained))
    assert "step:toy.words  error → block" in told
    assert "the word list is on fire" in told


def test_one_image_of_several_can_be_asked_about(app: App) -> None:
    id = run(app, "dim field", n=2)
    assert [explained.index for explained in explain_record(app, id)] == [0, 1]
    assert [explained.index for explained in explain_record(app, f"{id}/1")] == [1]
    with pytest.raises(UsageError):
        explain_record(app, f"{id}/7")


def test_a_prompt_is_tried_without_a_trace(app: App) -> None:
    told = "\n".join(lines(explain_prompt(app, "an odd field")))
    assert "odd-word  applies → review" in told
    assert "nothing is made" in told
    add(app.writer, "term", "field", actor="local:op", reason="why")
    app.__dict__.pop("deny")
    assert "policy deny list" in "\n".join(lines(explain_prompt(app, "an odd field")))
    with pytest.raises(UsageError, match="no request"):
        explain_record(app, "try")


def test_a_comparison_lists_every_decision_that_would_change(app: App) -> None:
    fine, odd, dim = (run(app, prompt) for prompt in ("a bright field", "an odd field", "dim field"))
    difference = compare(app, find_policy(app, "house"), find_policy(app, "stricter"))
    [change] = difference.changes
    assert (change.image, change.before.action, change.after.action) == (f"{odd}/0", "review", "block")
    assert change.after.rules == ("odd-word",)
    assert (difference.same, difference.unjudged) == (2, [])
    assert compare(app, find_policy(app, "house"), find_policy(app, "darker")).changes == []
    assert {fine, dim} & {change.image for change in difference.changes} == set()


def test_thresholds_are_tried_on_the_signals_that_were_recorded(app: App) -> None:
    released = run(app, "a bright field", parameters={"shade": -0.4})
    difference = compare(app, find_policy(app, "house"), find_policy(app, "darker"))
    assert [(c.image, c.before.action, c.after.action) for c in difference.changes] == [(f"{released}/0", "allow", "review")]


def test_what_was_never_measured_cannot_be_judged(app: App) -> None:
    run(app, "an odd field")
    milder = POLICY.replace("policy: house", "policy: milder").replace(
        "toy.odd, at_least: 1.0, then: review", "toy.odd, at_least: 1.0, then: review, mode: shadow"
    )
    (app.project.policies / "milder.yaml").write_text(milder)
    app.__dict__.pop("policy_files")
    app.__dict__.pop("pipelines", None)
    difference = compare(app, find_policy(app, "house"), find_policy(app, "milder"))
    assert (difference.changes, len(difference.unjudged)) == ([], 1)


def test_since_and_revisions_of_the_record(app: App) -> None:
    run(app, "an odd field")
    revision = app.policies["house"].revision
    assert find_policy(app, f"house@{revision[:10]}").revision == revision
    with pytest.raises(UsageError):
        find_policy(app, "house@0000")
    old, new = find_policy(app, "house"), find_policy(app, "stricter")
    assert len(compare(app, old, new, "1h").changes) == 1
    assert compare(app, old, new, "2999-01-01").changes == []


def test_a_threshold_is_proposed_from_examples(app: App, tmp_path: Path) -> None:
    for folder, shades in (("dark", (20, 30, 60)), ("light", (120, 200, 250, 255))):
        (tmp_path / folder).mkdir()
        for shade in shades:
            PIL.Image.new("RGB", (16, 16), (shade,) * 3).save(tmp_path / folder / f"{shade}.png")
    scorer = find_scorer(app, "toy.dark", "image")
    roc = calibrate(app, scorer, tmp_path / "dark", tmp_path / "light")
    chosen = roc.choose(0.0)
    assert roc.area == 1.0
    assert (chosen.true_positives, chosen.false_positives) == (1.0, 0.0)
    assert 1 - 120 / 255 < chosen.threshold < 1 - 60 / 255
    with pytest.raises(UsageError, match=r"did you mean 'toy\.dark'"):
        find_scorer(app, "toy.drak", "image")


def test_words_are_calibrated_on_lines_of_text(app: App, tmp_path: Path) -> None:
    for folder, text in (("bad", "a bad thing\nbad\n"), ("good", "a field\n\na bright field\na bad day\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lines.txt").write_text(text)
    roc = calibrate(app, find_scorer(app, "toy.bad", "prompt"), tmp_path / "bad", tmp_path / "good")
    assert (len(roc.positives), len(roc.negatives)) == (2, 3)
    assert roc.choose(0.02).true_positives == 0.0
    assert roc.choose(0.5).true_positives == 1.0
