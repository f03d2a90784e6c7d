"""Pipelines and the policies of cohorts: which one is enforced, and what may be weaker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import guards
import pytest
from house import PIPELINES, POLICY, house

from limner.audit.reading import request
from limner.errors import InvalidFile
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
        ("{a: {policy: unsuited, loosens: true, reason: x}}", "requires c2pa"),
    ],
)
def test_what_does_not_hold_between_them_stops_the_start(tmp_path: Path, cohorts: str, said: str) -> None:
    unsuited = "policy: unsuited\nrequires: [c2pa]\n"
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
