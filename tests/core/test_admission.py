"""Who may run what, and what is pinned for a request. Bounds of parameters are the pipeline's: see pipeline/test_parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import PIPELINES, POLICY, house

from limner.admission import MOST_IMAGES, admit
from limner.app import App
from limner.errors import ConfigurationError, UsageError
from limner.settings import Settings

SHADOWED = PIPELINES.replace("policy: house", "policy: house\n    shadow_policy: stricter", 1)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    policies = {"house": POLICY, "stricter": POLICY.replace("policy: house", "policy: stricter")}
    with house(tmp_path, pipelines=SHADOWED, policies=policies) as opened:
        yield opened


def test_an_admitted_request_has_its_pipeline_policies_and_effective_values(app: App):
    admitted = admit(app.request("a field", parameters={"shade": "0.5"}), app.pipelines)
    assert admitted.pipeline.name == "plain"
    assert [bound.policy.name for bound in admitted.policies] == ["house", "stricter"]
    assert admitted.settled.values == {"shade": 0.5}
    assert admitted.request.parameters == {"shade": 0.5}
    assert admit(app.request("a field"), app.pipelines).request.parameters == {"shade": 0.0}


def test_a_pipeline_without_a_shadow_has_one_policy(app: App):
    [bound] = admit(app.request("a field", pipeline="rewritten"), app.pipelines).policies
    assert (bound.policy.name, bound.mode) == ("house", "enforce")


@pytest.mark.parametrize("n", [-1, 0, MOST_IMAGES + 1])
def test_so_many_images_are_not_made(app: App, n: int):
    with pytest.raises(UsageError, match=f"1 to {MOST_IMAGES}"):
        admit(app.request("a field", n=n), app.pipelines)


def test_a_pipeline_serves_its_own_task_only(app: App):
    with pytest.raises(UsageError, match="is for the task generate, not vary"):
        admit(replace(app.request("a field"), task="vary"), app.pipelines)


def test_an_unknown_pipeline_gets_the_name_probably_meant(app: App):
    with pytest.raises(UsageError, match="did you mean 'rewritten'"):
        admit(app.request("a field", pipeline="rewriten"), app.pipelines)


@pytest.mark.parametrize("prompt", ["a" * 1_000_001, "e" + "\u0301" * 10_000])
def test_a_prompt_that_is_too_long_is_refused_before_it_is_looked_at(app: App, prompt: str):
    with pytest.raises(UsageError, match=r"has 10*[01] characters"):
        app.run(app.request(prompt))


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_nothing_is_drawn_from_no_words(app: App, prompt: str):
    with pytest.raises(UsageError, match="the prompt is empty"):
        admit(app.request(prompt), app.pipelines)


@pytest.mark.parametrize(("prompt", "named"), [("a\0b", "U+0000 at character 2"), ("\udc80", "U+DC80 at character 1")])
def test_what_is_no_text_is_refused_with_its_place(app: App, prompt: str, named: str):
    with pytest.raises(UsageError, match=re.escape(named)):
        app.run(app.request(prompt))
    with pytest.raises(UsageError, match="the negative prompt"):
        app.run(app.request("a field", negative_prompt=prompt))


def test_changes_of_direction_marks_and_joiners_are_text(app: App):
    [image] = app.run(app.request("a \u202efield\u202c of 👩\u200d🌾, e\u0301\n")).images
    assert image.outcome == "released"


def test_the_limit_is_a_setting():
    assert Settings.from_environment({"LIMNER_LONGEST_PROMPT": "12"}).longest_prompt == 12
    with pytest.raises(ConfigurationError, match="not a number above 0"):
        Settings.from_environment({"LIMNER_LONGEST_PROMPT": "-1"})
