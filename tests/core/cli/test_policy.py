"""`limner policy`, over the toy project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CASES = """\
policy: house
cases:
  - {prompt: a bad thing, expect: block, rule: bad-word}
  - {prompt: an odd thing, expect: review, rule: odd-word}
  - {prompt: crash, expect: block, rule: "step:toy.words"}
"""


def with_cases(project: Path, text: str = CASES) -> None:
    (project / "policies" / "cases").mkdir()
    (project / "policies" / "cases" / "house.yaml").write_text(text)


def test_list_names_policies_and_who_uses_them(limner: Any) -> None:
    listed = limner("policy", "list").stdout
    assert listed.startswith("house  ")
    assert "4 rules\n    plain, rewritten, stalled" in listed


def test_show_says_each_rule_in_a_sentence(limner: Any) -> None:
    shown = limner("policy", "show", "house").stdout
    assert "at prompt: if toy.bad >= 1.0, then block for words" in shown
    assert json.loads(limner("policy", "show", "house", "--json").stdout)["rules"][0]["id"] == "bad-word"
    assert "did you mean 'house'?" in limner("policy", "show", "hose").stderr


def test_a_revision_is_the_present_one_or_one_from_the_record(limner: Any, project: Path) -> None:
    revision = json.loads(limner("policy", "show", "house", "--json").stdout)["revision"]
    assert f"revision {revision}" in limner("policy", "show", "house", "--revision", revision[:8]).stdout
    refused = limner("policy", "show", "house", "--revision", "xyz")
    assert (refused.returncode, "neither in use nor on the record" in refused.stderr) == (2, True)
    limner("generate", "a bad thing")
    (project / "policies" / "house.yaml").write_text("policy: house\n")
    assert f"revision {revision}" in limner("policy", "show", "house", "--revision", revision[:8]).stdout
    assert "several revisions of policy 'house' begin with ''" in limner("policy", "diff", "house@", "house").stderr


def test_lint_checks_policies_that_no_pipeline_uses_and_cases(limner: Any, project: Path) -> None:
    assert limner("policy", "lint").stdout.endswith("1 policy with 4 rules holds\n")
    spare = "policy: spare\nrules: [{id: a, at: prompt, signal: toy.bda, at_least: 1, then: block}]\n"
    (project / "policies" / "spare.yaml").write_text(spare)
    with_cases(project, "policy: house\ncases: [{prompt: x, expect: allow, rulle: y}]\n")
    done = limner("policy", "lint")
    assert done.returncode == 4
    assert "did you mean 'toy.bad'?" in done.stderr
    assert "did you mean 'rule'?" in done.stderr


def test_list_names_the_cohorts_that_a_policy_is_for(limner: Any, project: Path) -> None:
    (project / "policies" / "milder.yaml").write_text("policy: milder\nextends: {from: house, without: [odd-word]}\n")
    with (project / "pipelines.yaml").open("a") as file:
        file.write("cohorts: {guests: {policy: milder, loosens: true, reason: x, pipelines: [plain]}}\n")
    listed = limner("policy", "list").stdout
    assert "3 rules\n    plain (cohort guests)\n" in listed


def test_a_cohort_is_asked_as_judged_by_its_policy_and_recorded(limner: Any, project: Path) -> None:
    (project / "policies" / "milder.yaml").write_text("policy: milder\nextends: {from: house, without: [bad-word]}\n")
    with (project / "pipelines.yaml").open("a") as file:
        file.write("cohorts: {guests: {policy: milder, loosens: true, reason: x}}\n")
    assert limner("generate", "a bad thing").returncode == 3
    as_guest = limner("generate", "a bad thing", "--cohort", "guests", "--json")
    request = json.loads(as_guest.stdout)["request_id"]
    assert as_guest.returncode == 0
    accepted = json.loads(limner("audit", "show", request, "--json").stdout)["events"][0]["body"]
    assert (accepted["cohort"], accepted["policy"]["name"]) == ("guests", "milder")
    assert "(policy milder " in limner("policy", "explain", "--prompt", "a bad thing", "--cohort", "guests").stdout
    assert "(policy house " in limner("policy", "explain", "--prompt", "a bad thing", "--cohort", "others").stdout
    refused = limner("generate", "a bad thing", "--cohort", "The Press")
    assert (refused.returncode, "'The Press' is not the name of a cohort" in refused.stderr) == (2, True)


def test_lint_finds_in_a_policy_without_use_what_it_can_know(limner: Any, project: Path) -> None:
    rule = "{id: a, at: prompt, signal: toy.bad, at_least: 1, then: block, when: 'caller.cohort == \"x\" && request.n'}"
    (project / "policies" / "spare.yaml").write_text(f"policy: spare\nrequires: [toy.wrods]\nrules: [{rule}]\n")
    with_cases(project, "policy: house\ncases: [{prompt: x, expect: allow, rulle: y}]\n")
    said = limner("policy", "lint").stderr
    assert "spare.yaml:3:78: rules[0].when: has `request.n` at character 25, which is a number" in said
    assert "did you mean 'rule'?" in said
    (project / "policies" / "spare.yaml").write_text("policy: spare\nrequires: [toy.wrods, classify_imag]\n")
    said = limner("policy", "lint").stderr
    assert "spare.yaml:2:12: requires[0]: there is no step 'toy.wrods'\n  did you mean 'toy.words'?" in said
    assert "requires[1]: there is no step 'classify_imag'\n  did you mean 'classify_image'?" in said


def test_lint_takes_no_offence_at_rules_that_are_idle_everywhere(limner: Any, project: Path) -> None:
    rules = "[{id: a, at: upload, signal: toy.dark, at_least: 1, then: block}]"
    (project / "policies" / "spare.yaml").write_text(f"policy: spare\nrules: {rules}\n")
    assert limner("policy", "lint").returncode == 0, "no pipeline takes uploads, so nothing is known of what is measured there"


def test_cases_are_run_with_the_pipelines_own_filters(limner: Any, project: Path) -> None:
    with_cases(project)
    done = limner("policy", "test")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "house on plain: 3 of 3 cases hold")
    assert "no case makes these rules apply: too-dark, rather-dark" in done.stdout
    assert limner("policy", "test", "--covered").returncode == 1


def test_a_case_that_does_not_hold_fails_the_test(limner: Any, project: Path) -> None:
    with_cases(project, "policy: house\ncases: [{prompt: a bad thing, expect: allow}]\n")
    done = limner("policy", "test", "house")
    assert done.returncode == 1
    assert "a bad thing: expected allow, decided block (bad-word)" in done.stdout


def test_explain_diff_and_calibrate_speak_to_people(limner: Any, project: Path) -> None:
    (project / "policies" / "other.yaml").write_text("policy: other\nextends: {from: house, without: [odd-word]}\n")
    asked = json.loads(limner("generate", "an odd thing", "--json").stdout)["request_id"]
    assert "odd-word  applies → review" in limner("policy", "explain", asked).stdout
    assert "bad-word  applies → block" in limner("policy", "explain", "--prompt", "a bad thing").stdout
    assert limner("policy", "explain").returncode == 2
    assert "1 could not be judged" in limner("policy", "diff", "house", "other").stdout
    (project / "yes").mkdir()
    (project / "yes" / "lines.txt").write_text("bad\n")
    (project / "no").mkdir()
    (project / "no" / "lines.txt").write_text("good\n")
    words = ("--positives", "yes", "--negatives", "no", "--at", "prompt", "-o", "roc.svg")
    done = limner("policy", "calibrate", "toy.bad", *words)
    assert "at_least: 0.5\n  finds 100.0%, false alarms 0.0%" in done.stdout
    assert (project / "roc.svg").exists()
