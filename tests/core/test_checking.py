"""Pipelines and the policies of cohorts: which one is enforced, and what may be weaker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import guards
import pytest
from house import PIPELINES, POLICY, house

from limner.audit.reading import request
from limner.errors import InvalidFile, Problem
from limner.generation import Caller

LENIENT = """\
policy: lenient
requires: [toy.words, toy.look]
rules: [{id: very-dark, at: image, signal: toy.dark, at_least: 0.9, then: block}]
"""
STRICTER = POLICY.replace("policy: house", "policy: stricter").replace("then: review", "then: block")
COHORTS = """\
cohorts:
  red-team: {policy: lenient, loosens: true, reason: they look for what slips through}
  guests: {policy: stricter, pipelines: [plain]}
"""


def policies(**more: str) -> dict[str, str]:
    return {"house": POLICY, "lenient": LENIENT, "stricter": STRICTER, **more}


def test_the_cohorts_policy_is_the_one_enforced(tmp_path: Path) -> None:
    with house(tmp_path, pipelines=PIPELINES + COHORTS, policies=policies()) as app:

        def outcome(cohort: str, prompt: str, pipeline: str = "plain") -> tuple[str, str]:
            asked = replace(app.request(prompt, pipeline=pipeline), caller=Caller("local:ann", cohort))
            [image] = app.run(asked).images
            accepted = request(app.database, app.keys, asked.id).events[0].body
            return image.outcome, accepted["policy"]["name"]

        assert outcome("local", "a bad field") == ("withheld", "house")
        assert outcome("red-team", "a bad field") == ("released", "lenient")
        assert outcome("guests", "an odd field") == ("withheld", "stricter")
        assert outcome("guests", "an odd field", "rewritten") == ("held", "house")
        assert b"they look for what slips through" in app.pipelines["plain"].pipeline.canonical


@pytest.mark.parametrize(
    ("cohorts", "said"),
    [
        ("{a: {policy: lenient}}", "policy lenient is weaker than house"),
        ("{a: {policy: lenient}}", "nothing in it is as strict as rule bad-word"),
        ("{a: {policy: lenient, loosens: true}}", "`loosens` needs a `reason`"),
        ("{a: {policy: lenientt}}", "did you mean 'lenient'?"),
        ("{a: {policy: stricter, pipelines: [plian]}}", "did you mean 'plain'?"),
        ("{a: {policy: unsuited, loosens: true, reason: x}}", "requires toy.embellish"),
    ],
)
def test_what_does_not_hold_between_them_stops_the_start(tmp_path: Path, cohorts: str, said: str) -> None:
    unsuited = "policy: unsuited\nrequires: [toy.embellish]\n"
    with (
        house(tmp_path, pipelines=f"{PIPELINES}cohorts: {cohorts}\n", policies=policies(unsuited=unsuited)) as app,
        pytest.raises(InvalidFile) as caught,
    ):
        assert app.pipelines
    assert said in str(caught.value)


GUARDED = """\
limner: 1
pipelines:
  p:
    task: generate
    policy: enforced
    {shadow}
    steps: [{{use: guard.prompt}}, {{use: toy.draw}}, {{use: guard.image, with: {{fault: nan}}}}, {{use: toy.mark}}]
"""
ENFORCED = "policy: enforced\nrequires: [guard.prompt]\n"
TRIED = "policy: tried\nrules: [{id: no-image, at: image, signal: guard.image, at_least: 1, then: block}]\n"


@pytest.mark.parametrize(("shadow", "outcome"), [("shadow_policy: tried", "released"), ("", "withheld")])
def test_a_check_that_only_the_policy_on_trial_reads_stops_nobody(tmp_path: Path, shadow: str, outcome: str) -> None:
    tried = {"enforced": ENFORCED, "tried": TRIED}
    plugins, _ = guards.both()
    with house(tmp_path, pipelines=GUARDED.format(shadow=shadow), policies=tried, plugins=plugins) as app:
        asked = app.request("a field", seed=7)
        [image] = app.run(asked).images
        assert image.outcome == outcome
        decided = [e.body for e in request(app.database, app.keys, asked.id).events if e.kind == "decision"]
        errors = [finding for body in decided for finding in body["findings"] if finding["result"] == "error"]
        assert {finding["mode"] for finding in errors} == {"shadow" if shadow else "enforce"}
        assert {body["mode"] for body in decided} == ({"enforce", "shadow"} if shadow else {"enforce"})


def mistakes(folder: Path, pipelines: str, **more: str) -> list[Problem]:
    """Everything that the start complains of."""
    with house(folder, pipelines=pipelines, policies=policies(**more)) as app, pytest.raises(InvalidFile) as caught:
        assert app.pipelines
    return list(caught.value.problems)


def test_a_mistake_in_a_policy_is_told_once_however_many_pipelines_there_are(tmp_path: Path) -> None:
    unused = "policy: spare\nrules: [{id: a, at: prompt, signal: toy.bad, at_leest: 1, then: block}]\n"
    [unknown_key] = mistakes(tmp_path, PIPELINES, spare=unused)
    assert (unknown_key.line, unknown_key.fix) == (2, "did you mean 'at_least'?")


def test_a_rule_that_no_pipeline_can_judge_is_told_once_with_the_pipelines(tmp_path: Path) -> None:
    [problem] = mistakes(tmp_path, PIPELINES, house=POLICY.replace("toy.bad", "toy.bda"))
    assert problem.shows_in == ("rule bad-word", "pipeline plain", "pipeline rewritten")
    assert str(problem).endswith("(rule bad-word; pipeline plain; pipeline rewritten)\n  did you mean 'toy.bad'?")


def test_a_threshold_out_of_range_is_told_once_where_several_steps_measure_the_signal(tmp_path: Path) -> None:
    [problem] = mistakes(tmp_path, PIPELINES, house=POLICY.replace("toy.bad, at_least: 1.0", "toy.bad, at_least: 1.5"))
    assert problem.what == ">= 1.5 is outside the range of toy.bad: toy.words declares 0.0 to 1.0"


def test_a_step_that_nobody_has_is_told_where_it_is_required_and_not_of_each_pipeline(tmp_path: Path) -> None:
    [problem] = mistakes(tmp_path, PIPELINES, house=POLICY.replace("toy.words, toy.look", "toy.wrods, toy.look"))
    assert (Path(problem.file).name, problem.line, problem.key) == ("house.yaml", 2, "requires[0]")
    assert (problem.what, problem.fix) == ("there is no step 'toy.wrods'", "did you mean 'toy.words'?")


def test_a_weaker_policy_is_told_once_where_the_cohort_names_it(tmp_path: Path) -> None:
    [problem] = mistakes(tmp_path, PIPELINES + "cohorts:\n  guests:\n    policy: lenient\n")
    assert (problem.line, problem.column, problem.key) == (25, 13, "cohorts.guests.policy")
    assert problem.shows_in == ("the policy of pipeline plain", "the policy of pipeline rewritten")


def test_a_step_that_two_policies_miss_is_told_once(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("      - use: toy.look\n", "") + "cohorts: {guests: {policy: stricter}}\n"
    told = [problem for problem in mistakes(tmp_path, pipelines) if "has no step toy.look" in problem.what]
    assert [problem.key for problem in told] == ["pipelines.plain.steps[0]", "pipelines.rewritten.steps[0]"]
    assert told[0].shows_in == ("policy house: requires toy.look", "policy stricter: requires toy.look")


def test_names_of_policies_are_told_at_their_own_lines(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("policy: house", "policy: hause", 1) + "cohorts:\n  local: {policy: stricte}\n"
    own, of_cohort = mistakes(tmp_path, pipelines)
    assert (own.line, own.column, own.key, own.fix) == (5, 13, "pipelines.plain.policy", "did you mean 'house'?")
    assert (of_cohort.line, of_cohort.column, of_cohort.key) == (24, 19, "cohorts.local.policy")
    assert of_cohort.fix == "did you mean 'stricter'?"


def test_one_kind_of_mistake_does_not_hide_another(tmp_path: Path) -> None:
    broken = PIPELINES.replace("min: -0.9", "minn: -0.9").replace("policy: house", "policy: hause", 1)
    without_check = broken.rpartition("      - use: toy.look\n")
    pipelines = (without_check[0] + without_check[2]).replace("{use: toy.draw, as: draw}", "{use: toy.draw, as: draw, wiht: 1}")
    spare = "policy: spare\nruls: []\n"
    cohorts = "cohorts:\n  guests: {policy: stricte, pipelines: [plian, rewriten]}\n"
    told = {(Path(p.file).name, p.key, p.fix) for p in mistakes(tmp_path, pipelines + cohorts, spare=spare)}
    assert told >= {
        ("pipelines.yaml", "pipelines.plain.parameters.shade.minn", "did you mean 'min'?"),
        ("pipelines.yaml", "pipelines.plain.steps[1].wiht", "did you mean 'with'?"),
        ("pipelines.yaml", "pipelines.plain.policy", "did you mean 'house'?"),
        ("pipelines.yaml", "pipelines.rewritten", "add `- use: toy.look`"),
        ("pipelines.yaml", "cohorts.guests.policy", "did you mean 'stricter'?"),
        ("pipelines.yaml", "cohorts.guests.pipelines[0]", "did you mean 'plain'?"),
        ("pipelines.yaml", "cohorts.guests.pipelines[1]", "did you mean 'rewritten'?"),
        ("spare.yaml", "ruls", "did you mean 'rules'?"),
    }


def test_what_stands_on_a_told_mistake_is_not_complained_of(tmp_path: Path) -> None:
    [problem] = mistakes(tmp_path, PIPELINES, house=POLICY.replace("at: image", "at: imege", 1))
    assert (Path(problem.file).name, problem.key) == ("house.yaml", "rules[2].at")
    mistyped = PIPELINES.replace("      - use: toy.look\n", "      - use: toy.lok\n", 1)
    [problem] = mistakes(tmp_path, mistyped)
    assert (problem.key, problem.fix) == ("pipelines.plain.steps[2].use", "did you mean 'toy.look'?")


def test_a_step_after_the_check_is_told_to_move_once_and_never_behind_the_mark(tmp_path: Path) -> None:
    """As with an upsampler put after the classifier of the image."""
    pipelines = PIPELINES.replace("use: toy.look\n", "use: toy.look\n      - {use: toy.alter, as: finish}\n", 1)
    pipelines = pipelines.replace("task: generate", "task: vary", 1)
    [problem] = mistakes(tmp_path, pipelines)
    assert problem.fix == "move `toy.look` to after `finish`, or add another one there"
    assert problem.shows_in == ("policy house: requires toy.look, rule too-dark, rule rather-dark",)


def test_a_policy_with_a_mistake_is_laid_over_the_pipelines_as_far_as_it_goes(tmp_path: Path) -> None:
    """But how strict it is, nobody can tell."""
    broken = POLICY.replace("at: prompt, signal: toy.odd", "at: promt, signal: toy.odd").replace("toy.bad", "toy.bda")
    told = mistakes(tmp_path, PIPELINES + "cohorts: {guests: {policy: lenient}}\n", house=broken)
    assert [problem.key for problem in told] == ["rules[0]", "rules[1].at"]
    assert told[0].fix == "did you mean 'toy.bad'?"


def test_rules_on_what_a_step_that_nobody_has_would_measure_are_not_complained_of(tmp_path: Path) -> None:
    rule = "  - {id: loud, at: image, signal: acme.loud, at_least: 0.5, then: block}\n"
    guarded = POLICY.replace("toy.words, toy.look", "toy.words, toy.look, acme.loudness") + rule
    [problem] = mistakes(tmp_path, PIPELINES, house=guarded)
    assert (problem.key, problem.what) == ("requires[2]", "there is no step 'acme.loudness'")
    misspelt = POLICY.replace("toy.words, toy.look", "toy.wrods, toy.look").replace("toy.bad", "toy.bda")
    assert [problem.fix for problem in mistakes(tmp_path, PIPELINES, house=misspelt)] == [
        "did you mean 'toy.words'?",
        "did you mean 'toy.bad'?",
    ]
