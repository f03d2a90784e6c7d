"""What `limner` does before a command is chosen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from limner import __version__
from limner.cli.commands import build


def test_the_version_needs_no_command(limner: Any) -> None:
    done = limner("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"limner {__version__}\n", "")


def test_a_usage_line_names_each_argument_in_capitals_and_leaves_brackets_to_typer() -> None:
    def arguments(command: Any) -> Iterator[tuple[str, str | None]]:
        for below in getattr(command, "commands", {}).values():
            yield from arguments(below)
        yield from ((command.name, each.metavar) for each in command.params if each.param_type_name == "argument")

    found = list(arguments(get_command(build())))
    assert ("generate", "PROMPT") in found
    assert [(command, name) for command, name in found if not re.fullmatch(r"[A-Z|]+", name or "")] == []


def test_no_summary_of_a_command_is_cut_off(limner: Any) -> None:
    told = " ".join(limner("--help").stdout.split())
    assert "Change a part of an image (--mask and a prompt), or what it shows (--from and --to). blend" in told
    assert "..." not in limner("audit", "--help").stdout.partition("Commands:")[2]


def test_nothing_is_searched_for_garbage_on_the_way_out() -> None:
    told_last = "atexit.register(lambda: print(gc.get_freeze_count() > 0))"
    code = f"import atexit, gc; {told_last}; from limner.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_ctrl_c_is_heeded_from_the_first_import_on() -> None:
    code = "import sys; import limner.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"typer", "rich", "limner.errors"} & set(done.stdout.split())


@pytest.fixture
def broken(project: Path) -> str:
    """A plugin that no pipeline uses cannot be imported; how that is told."""
    source = project.parent / "site" / "frames.py"
    source.write_text("import limner\nimport absent\n")
    information = project.parent / "site" / "frames-0.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: frames\nVersion: 0.1\n")
    (information / "entry_points.txt").write_text("[limner]\nframe = frames\n")
    return f"{source}:2: raised ModuleNotFoundError: No module named 'absent'"


def test_a_broken_plugin_is_told_once_where_it_matters_and_else_not(limner: Any, broken: str, project: Path) -> None:
    assert limner("--help").stderr == ""
    assert limner("pipelines", "validate").stderr == ""
    assert f"frame  0.1  frames  broken\n    {broken}\n" in limner("plugins", "list").stdout
    missed = limner("frames")
    assert (missed.returncode, missed.stderr.count(broken)) == (2, 1)
    assert missed.stderr.startswith(f"plugin frame is broken: {broken}\n")
    made = limner("generate", "a red circle", "--pipeline", "plain")
    assert (made.returncode, made.stderr.count(broken)) == (0, 1)
    assert f"plugin frame 0.1 (frames) is broken and left out: {broken}\n" in made.stderr
    held = json.loads(limner("generate", "an odd thing", "--pipeline", "plain", "--json").stdout)["request_id"]
    assert limner("review", "release", held, "--reason", "it is fine").stderr.count(broken) == 1
    pipelines = project / "pipelines.yaml"
    pipelines.write_text(pipelines.read_text().replace("use: stall.wait", "use: frame.plain"))
    used = limner("generate", "a red circle", "--pipeline", "plain")
    assert (used.returncode, used.stderr.count(broken)) == (4, 1)
