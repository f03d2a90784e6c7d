"""What an application wires together, besides running requests: see test_orchestrator for those."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import PIPELINES, POLICY, house, plugin
from sqlalchemy import inspect

import limner_scenes
from limner.app import App, local_caller
from limner.audit.reading import requests
from limner.audit.texts import find_texts
from limner.errors import InvalidFile, UsageError


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path) as opened:
        yield opened


def test_a_request_takes_the_first_pipeline_of_its_task_and_a_seed_if_none_is_given(app: App):
    first, second = app.request("a field"), app.request("a field")
    assert first.pipeline == "plain"
    assert first.id != second.id
    assert 0 <= first.seed < 2**32
    assert first.caller == local_caller()
    with pytest.raises(UsageError, match="no pipeline is for the task edit"):
        app.request("a field", task="edit")


def test_a_policy_that_is_not_there_points_at_the_pipeline(tmp_path: Path):
    pipelines = PIPELINES.replace("policy: house", "policy: hause", 1)
    with house(tmp_path, pipelines=pipelines, policies={"house": POLICY}) as app, pytest.raises(InvalidFile) as refused:
        _ = app.pipelines
    [problem] = refused.value.problems
    assert (problem.line, problem.key, problem.fix) == (5, "pipelines.plain.policy", "did you mean 'house'?")


def test_looking_at_pipelines_makes_no_state(tmp_path: Path):
    with house(tmp_path, database_url=f"sqlite:///{tmp_path / '.limner' / 'limner.db'}") as app:
        assert set(app.pipelines) == {"plain", "rewritten"}
        assert not app.project.state.exists()


def test_an_application_can_be_closed_twice_and_its_state_stays(app: App):
    app.run(app.request("a field", seed=7))
    app.close()
    app.close()
    assert inspect(app.database.engine).has_table("events")
    assert len(requests(app.database)) == 1
    assert list((app.project.state / "leases").iterdir()) == []


def test_the_code_of_every_plugin_is_on_the_record_also_of_one_without_steps(tmp_path: Path):
    with house(tmp_path, plugins=[plugin(), limner_scenes]) as app:
        app.run(app.request("a field", seed=7))
        [listed] = [json.loads(text) for text in find_texts(app.database, "plugins", "")]
    hashes = {one["name"]: one["sha256"] for one in listed}
    assert (len(hashes), {len(hash) for hash in hashes.values()}) == (2, {64})
