"""`limner eval scenes`: what is asked for is checked before anything is drawn, and reported as tables, JSON and a sheet."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image as PillowImage

from limner import UsageError
from limner_scenes.evaluation.command import DRAWINGS, Output, eval_scenes, wanted
from limner_scenes.evaluation.measuring import PARTS
from limner_scenes.worlds import SHIPPED, SMALL


class Application:
    """Of the application, what an evaluation needs: a state folder, and drawings by a model."""

    def __init__(self, state: Path, model: Any) -> None:
        self.project, self._model = SimpleNamespace(state=state), model
        self.asked: list[tuple[Any, ...]] = []

    def drawing(self, pipeline: str | None, *, model: str | None, instead: Any) -> Any:
        self.asked.append((pipeline, model, instead))
        return self._model


def test_json_is_one_object_the_sheet_a_png_and_the_drawings_lie_in_the_state_folder(
    renderer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    want = wanted("seen", ["colours", "position"], "small", 3, 1, 5)
    app = Application(tmp_path, renderer(want))
    eval_scenes(app, "text-to-image", "other", want, None, Output(as_json=True, sheet=tmp_path / "sheet.png"))
    report = json.loads(capsys.readouterr().out)
    assert report["suites"]["seen"]["tasks"].keys() == {"colours", "position"}
    assert report["suites"]["seen"]["tasks"]["colours"]["right"] == 3
    assert report["checker"]["colours"]["clean"]["accepted"]["share"] == 1.0
    assert (report["model"], report["world"], report["prompts"]) == ("other", "small", 3)
    assert len((tmp_path / DRAWINGS).read_text().splitlines()) == 6
    assert set(map(str, app.asked)) == {"('text-to-image', 'other', {})"}
    with PillowImage.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_the_tables_show_the_checkers_errors_beside_the_models(
    renderer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    want = wanted("all", ["colours", "concepts", "diversity", "ablations"], "small", 2, 1, 2)
    eval_scenes(Application(tmp_path, renderer(want)), None, None, want, tmp_path / "kept.jsonl", Output())
    table = capsys.readouterr().out
    for words in (
        "2/2",
        "unseen",
        "true accepted",
        "noise, sigma 16",
        "a blob",
        "adjacency",
        "caption only",
        "Diversity",
        "s (median)",
    ):
        assert words in table


def test_everything_is_wanted_unless_something_is_named() -> None:
    want = wanted("all", [], "shipped", 100, 1, 50)
    assert (want.parts, want.suites, want.world) == (PARTS, ("seen", "unseen"), SHIPPED)
    assert wanted("unseen", ["styles"], "small", 100, 1, 50).tasks == []
    assert wanted("seen", [], "small", 100, 1, 50).world == SMALL


@pytest.mark.parametrize(
    ("suite", "part", "world", "message"),
    [
        ("hard", "colours", "small", "no suite 'hard'"),
        ("seen", "painting", "small", "no task 'painting'"),
        ("seen", "colours", "mars", "no world 'mars'"),
    ],
)
def test_a_name_that_is_not_known_is_a_usage_error(suite: str, part: str, world: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wanted(suite, [part], world, 1, 1, 1)


@pytest.mark.parametrize("name", ["sheet.jpg", "nowhere/sheet.png"])
def test_a_sheet_that_could_not_be_written_is_refused_before_anything_is_drawn(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the sheet"):
        Output(sheet=tmp_path / name)
