"""Who may run what, and what is pinned for a request. Bounds of parameters are the pipeline's: see pipeline/test_parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from house import PIPELINES, POLICY, house

from limner.admission import MOST_IMAGES, admit
from limner.app import App
from limner.errors import UsageError

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
