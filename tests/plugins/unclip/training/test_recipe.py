"""A recipe says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner import ConfigurationError, InvalidFile
from limner_unclip.training.recipe import load_recipe


def test_a_recipe_is_read_and_its_run_folder_found_from_here(recipe_file: Path):
    recipe, run = load_recipe(recipe_file)
    assert recipe.decoder.channels == (8, 16)
    assert recipe.clip.facts == 0.25
    assert run == Path.cwd() / "run"


def test_all_mistakes_are_named_with_line_and_key(recipe_file: Path):
    text = recipe_file.read_text().replace("rate: 3.0e-3, warm_up: 3, save_every: 10, layers", "rte: 1, layers")
    recipe_file.write_text(text.replace("pool: 48", "pool: none"))
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(recipe_file)
    message = str(caught.value)
    assert f"{recipe_file}:3:30: data.pool: " in message
    assert f"{recipe_file}:6:31: prior.rte: is not a key that is known here\n  did you mean 'rate'?" in message


def test_a_missing_section_points_at_the_file(recipe_file: Path):
    text = recipe_file.read_text()
    recipe_file.write_text(text[: text.index("upsampler:")])
    with pytest.raises(ConfigurationError, match=r"blocks.yaml:1:1: upsampler: is missing"):
        load_recipe(recipe_file)


def test_broken_yaml_and_no_file_are_told_apart(tmp_path: Path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: x\nrun: [\n")
    with pytest.raises(ConfigurationError, match=r"broken.yaml:\d+:\d+: is not valid YAML"):
        load_recipe(broken)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_the_recipe_of_the_shipped_model_is_in_order():
    import limner_scenes

    recipe, _ = load_recipe(Path(limner_scenes.__file__).parent / "recipes" / "scenes.yaml")
    assert recipe.data.source == "scenes"
    assert recipe.decoder.picture == recipe.clip.picture


@pytest.mark.parametrize(
    ("written", "changed", "complaint"),
    [
        ("source: blocks", "folder: a, tars: b", "names folder and tars: give one of source, folder and tars"),
        ("source: blocks, ", "", "names no source: give one of source, folder and tars"),
        ("picture: 16, patch", "picture: 32, patch", "clip.picture is 32 and decoder.picture 16"),
        ("crop: 16", "crop: 64", "crop is 64, larger than a picture of 32"),
        ("attention: [false, true]", "attention: [true]", "attention has 1 levels and channels 2"),
    ],
)
def test_settings_that_contradict_each_other_are_named(recipe_file: Path, written: str, changed: str, complaint: str):
    text = recipe_file.read_text()
    assert written in text
    recipe_file.write_text(text.replace(written, changed))
    with pytest.raises(InvalidFile, match=complaint):
        load_recipe(recipe_file)
