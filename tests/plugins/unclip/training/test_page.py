"""docs/training.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from limner.app import App
from limner.project import create_project
from limner_unclip.training.cli import add
from limner_unclip.training.decoder import new_decoder, new_text_projection
from limner_unclip.training.recipe import load_recipe
from limner_unclip.training.upsampler import new_upsampler

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


def test_a_project_draws_with_a_trained_model_as_it_says(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    create_project(tmp_path)
    pipelines, policy = (block for block in blocks("yaml")[1:])
    (tmp_path / "pipelines.yaml").write_text(pipelines.replace("./runs/pictures/model", str(trained / "run" / "model")))
    (tmp_path / "policies" / "pictures.yaml").write_text(policy)
    monkeypatch.setenv("LIMNER_PRECISION", "float32")
    with App.open(tmp_path) as app:
        checked = app.pipelines["text-to-image"]
        assert "swords-in-image" in {rule.id for rule in app.policies["pictures"].rules}
        assert checked.pipeline.policy == "pictures"
        picture = app.drawing("text-to-image").image("a red block", 1)
    assert picture is not None
    assert picture.size == (32, 32)


def test_its_commands_are_those_there_are():
    app = Typer()
    add(app)
    for command in re.findall(r"limner train (\w+)", PAGE):
        assert CliRunner().invoke(app, ["train", command, "--help"]).exit_code == 0, command


def test_lines_of_metadata_are_json():
    assert [set(json.loads(line)) for line in blocks("json")[0].strip().splitlines()] == [{"file_name", "text"}] * 2


def test_the_networks_of_its_recipe_fit_together(tmp_path: Path):
    path = tmp_path / "pictures.yaml"
    path.write_text(blocks("yaml")[0])
    recipe, _ = load_recipe(path)
    with torch.device("meta"):
        decoder = new_decoder(recipe.decoder, recipe.clip.width)
        projection = new_text_projection(recipe.decoder, recipe.clip.dimension, recipe.clip.width)
        upsampler = new_upsampler(recipe.upsampler, recipe.upsampler.channels)
        noised, text = torch.empty(2, 3, 64, 64), torch.empty(2, recipe.clip.context, recipe.clip.width)
        pooled = torch.empty(2, recipe.clip.dimension)
        context, added = projection(
            image_embeddings=pooled, prompt_embeds=pooled, text_encoder_hidden_states=text, do_classifier_free_guidance=False
        )
        drawn = decoder(noised, torch.zeros(2), context, class_labels=added).sample
        large = upsampler(torch.empty(2, 6, 128, 128), torch.zeros(2)).sample
    assert (drawn.shape, large.shape) == ((2, 3, 64, 64), (2, 3, 128, 128))
