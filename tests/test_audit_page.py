"""docs/audit.md: its commands run, and what it says is kept is what the code keeps."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from house import house

from limner.audit import administering, events
from limner.audit.retention import RetentionFile
from limner.cli.commands import build

PAGE = (Path(__file__).parents[1] / "docs" / "audit.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_page_run_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """In the order of the page, in a project with one request."""
    with house(tmp_path) as app:
        request = app.request("a circle")
        app.run(request)
        user = request.caller.subject
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept-last-month").write_bytes((tmp_path / ".limner" / "heads" / "checkpoint").read_bytes())
    (tmp_path / "retention.yaml").write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    (tmp_path / "backups").mkdir()
    ran = []
    for line in commands():
        words = shlex.split(
            line.replace("ID", request.id).replace("local:ada", user).replace("/backups", str(tmp_path / "backups"))
        )
        if words[:3] == ["limner", "audit", "replay"]:
            continue  # it needs the plugins of the request; tests/core/test_replaying.py has it
        if words[0] == "python":
            done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            continue
        with pytest.raises(SystemExit) as left:
            build()(words[1:])
        assert not left.value.code, (line, capsys.readouterr())
        ran.append(words[1])
    assert len(ran) >= 15


def test_the_page_names_every_kind_of_event_and_the_groups_of_the_others():
    for kind in (
        events.REQUEST_ACCEPTED,
        events.DECISION,
        events.GENERATION_STEPS,
        events.IMAGE_OUTCOME,
        events.REQUEST_CLOSED,
    ):
        assert f"`{kind}`" in PAGE
    kinds = {value for name, value in vars(administering).items() if name.isupper()}
    assert {kind.partition(".")[0] for kind in kinds} <= set(re.findall(r"`(\w+)\.\*`", PAGE))


def test_the_retention_classes_of_the_page_hold():
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert list(RetentionFile.model_validate(yaml.safe_load(text)).retention) == ["blocked", "guests", "images"]
