"""`limner audit list` with conditions, and `stats`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner


@pytest.fixture
def made(limner: Limner, project: Path) -> None:
    """A request that was blocked, and one that was not."""
    limner("generate", "bad circle", "-o", str(project / "out.png"))
    limner("generate", "a circle", "-o", str(project / "out.png"))


@pytest.mark.usefixtures("made")
def test_the_list_is_narrowed_by_conditions(limner: Limner):
    def listed(*words: str) -> int:
        return len(json.loads(limner("audit", "list", "--json", *words).stdout))

    assert listed() == 2
    assert listed("--rule", "bad-word") == listed("--decision", "block") == 1
    assert listed("--since", "1h") == 2
    assert listed("--until", "1h") == listed("--model", "scenes") == listed("--pipeline", "rewritten") == 0
    assert limner("audit", "list", "--user", "local:nobody").returncode == 2
    assert limner("audit", "list", "--since", "yesterday").returncode == 2


@pytest.mark.usefixtures("made")
def test_counts_are_shown_as_bars_as_json_and_as_plots(limner: Limner, tmp_path: Path):
    shown = limner("audit", "stats")
    assert shown.returncode == 0
    assert "blocks by rule" in shown.stdout
    assert "█" in shown.stdout
    found = json.loads(limner("audit", "stats", "--json").stdout)
    assert (found["requests"], found["outcomes"], found["blocks"]) == (2, {"withheld": 1, "released": 1}, {"bad-word": 1})
    drawn = limner("audit", "stats", "--plots", str(tmp_path / "plots"))
    assert len(drawn.stdout.splitlines()) == len(list((tmp_path / "plots").glob("*.png"))) >= 5


def test_where_there_is_nothing_to_count_that_is_said(limner: Limner, project: Path):
    told = limner("audit", "stats", "--plots", str(project / "plots"))
    assert (told.returncode, told.stdout, "no request is on the record" in told.stderr) == (0, "", True)
