"""The command line, called in this process, over a project with the toy plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from house import PIPELINES, POLICY
from migrated import sqlite_at

from limner.cli.main import main

TESTS = Path(__file__).parents[2]
TOY = """
import sys
sys.path.insert(0, {tests!r})
import house, limner
register_steps = house.plugin({more}).register_steps
"""
SLOW_STEP = """
class Stall(limner.Step):
    type = "stall.wait"

    @limner.hookimpl
    def transform_image(self, generations):
        import os, threading
        print("stalling", flush=True)
        for i in range(10**9):
            self.tick(generations[0], i, 10**9)

@limner.hookimpl
def register_steps():
    return [Stall]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder, and beside it a distribution on the path that registers the toy plugin by entry point."""
    site = tmp_path / "site"
    for name, source in {
        "toy_plugin": TOY.format(tests=str(TESTS), more=""),
        "stall_plugin": "import limner\n" + SLOW_STEP,
    }.items():
        (site / f"{name}-1.0.dist-info").mkdir(parents=True)
        (site / f"{name}.py").write_text(source)
        (site / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entry = f"[limner]\n{name.partition('_')[0]} = {name}\n"
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(entry)
    folder = tmp_path / "project"
    (folder / "policies").mkdir(parents=True)
    stalled = PIPELINES.split("pipelines:\n")[1].split("  rewritten:")[0].replace("  plain:", "  stalled:")
    stalled = stalled.replace("      - use: toy.look", "      - use: stall.wait\n      - use: toy.look")
    (folder / "pipelines.yaml").write_text(PIPELINES + stalled)
    (folder / "policies" / "house.yaml").write_text(POLICY)
    (folder / ".limner").mkdir()
    sqlite_at(folder / ".limner" / "limner.db")
    return folder


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Limner = Callable[..., Done]


@pytest.fixture
def limner(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Limner:
    """The command in this process, as the shell would call it."""
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project.parent / "site")
    monkeypatch.setenv("LIMNER_DEVICES", "cpu")

    def call(*words: str) -> Done:
        for name in ("toy_plugin", "stall_plugin"):
            sys.modules.pop(name, None)
        monkeypatch.setattr(sys, "argv", ["limner", *words])
        with pytest.raises(SystemExit) as left:
            main()
        told = capfd.readouterr()
        return Done(int(left.value.code or 0), told.out, told.err)

    return call
