"""`limner audit list` with conditions, and `stats`."""

from __future__ import annotations

import json
import zipfile
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
    assert found["states"] == found["outcomes"]
    drawn = limner("audit", "stats", "--plots", str(tmp_path / "plots"))
    assert len(drawn.stdout.splitlines()) == len(list((tmp_path / "plots").glob("*.png"))) >= 5


def test_the_list_and_the_record_say_where_an_image_stands_now(limner: Limner, project: Path):
    def ran(prompt: str) -> str:
        told = limner("generate", prompt, "--json", "-o", str(project / "out.png"))
        return str(json.loads(told.stdout)["request_id"])

    recalled, erased, held = ran("a circle"), ran("a square"), ran("an odd field")
    limner("recall", recalled, "--reason", "a likeness")
    limner("audit", "erase", "--request", erased, "--reason", "by mistake")
    limner("review", "release", held, "--reason", "a field")
    run_on = limner("audit", "list", "--json").stdout
    states = {request["id"]: (request["states"], request["outcomes"]) for request in json.loads(run_on)}
    assert (states[recalled], states[erased]) == ((["recalled"], ["released"]), (["erased"], ["released"]))
    assert states.pop(held) == (["run on"], ["held"])
    [resumed] = states.keys() - {recalled, erased}
    for request, told in {
        recalled: "recalled (was released)",
        erased: "erased (was released)",
        held: f"released by review, run on as {resumed[:8]}",
        resumed: "released",
    }.items():
        assert f"image 0: {told}" in limner("audit", "show", request).stdout.splitlines()
        [line] = [line for line in limner("audit", "list").stdout.splitlines() if request in line]
        assert line.endswith(f"  {told}")
    assert limner("audit", "evidence", recalled, "-o", str(project / "e.zip")).returncode == 0
    with zipfile.ZipFile(project / "e.zip") as pack:
        assert "<th>image 0</th><td><pre>recalled (was released)" in pack.read("index.html").decode()


def test_where_there_is_nothing_to_count_that_is_said(limner: Limner, project: Path):
    told = limner("audit", "stats", "--plots", str(project / "plots"))
    assert (told.returncode, told.stdout, "no request is on the record" in told.stderr) == (0, "", True)
