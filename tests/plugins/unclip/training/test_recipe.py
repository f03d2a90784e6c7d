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


def test_all_sizes_of_a_network_that_do_not_fit_are_told_at_once(recipe_file: Path):
    recipe_file.write_text(recipe_file.read_text().replace("head: 8, groups: 4", "head: 12, groups: 3"))
    with pytest.raises(InvalidFile) as caught:
        load_recipe(recipe_file)
    assert str(caught.value) == (
        f"{recipe_file}:8:10: decoder: channels: 8 is not a multiple of groups, 3; "
        "channels: 16 is not a multiple of groups, 3; channels that look at the text: 16 is not a multiple of head, 12"
    )


@pytest.mark.parametrize(
    ("written", "changed", "complaint"),
    [
        ("source: blocks", "folder: a, tars: b", "names folder and tars: give one of source, folder and tars"),
        ("source: blocks, ", "", "names no source: give one of source, folder and tars"),
        ("picture: 16, patch", "picture: 32, patch", "clip.picture is 32 and decoder.picture 16"),
        ("picture: 32, crop", "picture: 16, crop", "upsampler.picture is 16 and decoder.picture 16"),
        ("crop: 16", "crop: 64", "upsampler: crop is 64, larger than a picture of 32"),
        ("crop: 16", "crop: 15", "upsampler: crop: 15 is not a multiple of 2, which 2 levels halve it by"),
        ("last_channels: [4, 8]", "last_channels: [4, 6]", "upsampler: last_channels: 6 is not a multiple of groups, 4"),
        ("last_channels: [4, 8]", "last_channels: []", r"upsampler.last_channels: should hold at least 1, not 0"),
        ("attention: [false, true]", "attention: [true]", "decoder: attention has 1 levels and channels 2"),
        ("channels: [8, 16]", "channels: [6, 16]", "decoder: channels: 6 is not a multiple of groups, 4"),
        ("head: 8", "head: 12", "decoder: channels that look at the text: 16 is not a multiple of head, 12"),
        ("picture: 16, channels", "picture: 17, channels", "decoder: picture: 17 is not a multiple of 2"),
        ("context: 20", "context: 62", "64 tokens .62 of text, 2 of the embedding. meet as many pixels in the decoder"),
        ("context: 20", "context: 2", "clip.context: should be greater than or equal to 3, not 2"),
        ("patch: 8", "patch: 7", "clip: picture: 16 is not a multiple of patch, 7"),
        (
            "width: 16, layers: 1, heads: 2, dim",
            "width: 16, layers: 1, heads: 3, dim",
            "clip: width: 16 is not a",
        ),
        (
            "layers: 1, heads: 2}\ndirect",
            "layers: 1, heads: 3}\ndirect",
            "16 is not a multiple of prior.heads, 3",
        ),
        (
            "layers: 1, heads: 2}\ndecoder",
            "layers: 1, heads: 3}\ndecoder",
            "direct_prior: width: 16 is not a",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_named(recipe_file: Path, written: str, changed: str, complaint: str):
    text = recipe_file.read_text()
    assert written in text
    recipe_file.write_text(text.replace(written, changed))
    with pytest.raises(InvalidFile, match=complaint):
        load_recipe(recipe_file)
