"""docs/policy.md: its policy loads, its cohorts and cases hold, and its commands are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from click import Command, Context, Group

from limner.app import App
from limner.plugins.loading import load_plugins
from limner.project import create_project, find_project
from limner.settings import Settings
from limner.trials.explaining import explain_prompt
from limner.trials.projects import lint, run_cases

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "policy.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[App]:
    """The starter project with the page's policy, cohorts and cases."""
    policy, cohorts, cases = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    create_project(tmp_path)
    (tmp_path / "policies" / "house.yaml").write_text(policy)
    (tmp_path / "policies" / "cases" / "house.yaml").write_text(cases)
    pipelines = tmp_path / "pipelines.yaml"
    pipelines.write_text(f"{pipelines.read_text()}\n{cohorts}")
    settings = Settings.from_environment({"LIMNER_DEVICES": "cpu"})
    with App(settings, find_project(settings, tmp_path)) as app:
        app.registry = load_plugins(None)  # type: ignore[misc]
        yield app


def test_the_pages_policy_cohorts_and_cases_hold(starter: App) -> None:
    lint(starter)
    assert starter.policies["house"].category("insignia").four_eyes
    assert set(starter.pipelines["text-to-image"].cohorts) == {"guests", "press"}
    [run] = run_cases(starter, ["house"])
    assert run.failed == ()


def test_the_pages_prompt_is_judged_by_the_cohort_it_is_asked_as(starter: App) -> None:
    [words] = [shlex.split(line) for line in COMMANDS if "explain" in line and "--cohort" in line]
    prompt, cohort = (words[words.index(option) + 1] for option in ("--prompt", "--cohort"))
    assert [decision["action"] for decision in explain_prompt(starter, prompt).decisions] == ["block"]
    assert [decision["action"] for decision in explain_prompt(starter, prompt, cohort=cohort).decisions] == ["allow"]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_pages_commands_are_there_with_their_options(line: str) -> None:
    from limner.cli.commands import build

    program, *words = shlex.split(line)
    command: Command = typer.main.get_command(build())
    while isinstance(command, Group):
        name, *words = words
        found = command.get_command(Context(command), name)
        assert found is not None, f"{program} {name}"
        command = found
    command.make_context(command.name, [word.replace("DIR", str(ROOT)) for word in words])
