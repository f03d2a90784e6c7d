"""docs/training.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer import Typer
from typer.testing import CliRunner

from limner_unclip.training.cli import add
from limner_unclip.training.recipe import load_recipe

PAGE = (Path(__file__).parents[4] / "docs" / "training.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_its_recipe_is_one(tmp_path: Path):
    path = tmp_path / "pictures.yaml"
    path.write_text(blocks("yaml")[0])
    recipe, _ = load_recipe(path)
    assert recipe.data.folder == "pictures"
    assert recipe.card.licence == "CC-BY-4.0"


def test_it_explains_every_measure_of_the_doctor(trained: Path):
    card = (trained / "run" / "model" / "README.md").read_text().split("## Health")[1].split("##")[0]
    measures = {line.split(" | ")[1] for line in card.splitlines() if line.startswith(("| clip", "| prior", "| dec", "| ups"))}
    assert len(measures) == 11
    assert not [measure for measure in measures if measure not in PAGE]


def test_its_commands_are_those_there_are():
    app = Typer()
    add(app)
    for command in re.findall(r"limner train (\w+)", PAGE):
        assert CliRunner().invoke(app, ["train", command, "--help"]).exit_code == 0, command


def test_lines_of_metadata_are_json():
    assert [set(json.loads(line)) for line in blocks("json")[0].strip().splitlines()] == [{"file_name", "text"}] * 2
