"""`limner train` on the command line: what it prints, and that what a person can mend is told without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from blocks import write_pictures, write_recipe
from click.testing import Result
from typer.testing import CliRunner

from limner import LimnerError
from limner_unclip.training.cli import add


def run(*words: str) -> Result:
    app = typer.Typer()
    add(app)
    return CliRunner().invoke(app, ["train", *words])


def test_a_stage_tells_its_steps_and_where_the_model_is(tmp_path: Path):
    write_pictures(tmp_path / "pictures", 12)
    recipe = write_recipe(tmp_path)
    recipe.write_text(recipe.read_text().replace("clip: {steps: 30", "clip: {steps: 4"))
    told = run("clip", "--recipe", str(recipe), "--device", "cpu", "--every", "2")
    assert told.exit_code == 0
    model = tmp_path / "run" / "model"
    assert told.stdout == f"the model as it stands is in {model}\nnext: limner train doctor {model}\n"
    assert told.stderr.index("clip: getting pictures ready\n") < told.stderr.index("clip: step 2 of 4, loss")
    assert (tmp_path / "run" / "model" / "text_encoder" / "model.safetensors").exists()


def test_a_model_is_exported_to_a_directory(trained: Path, tmp_path: Path):
    told = run("export", "--recipe", str(trained / "blocks.yaml"), "--to", str(tmp_path / "weights"))
    assert told.stdout == f"wrote {tmp_path / 'weights'}\n"
    assert (tmp_path / "weights" / "model_index.json").exists()


def test_the_doctor_prints_a_table_with_causes_and_exits_with_one(trained: Path):
    told = run("doctor", str(trained / "run" / "model"), "--pictures", "12")
    assert told.exit_code == 1
    words = " ".join(told.stdout.split())
    assert "0 to 20 dB look" in words
    assert "upsampler: PSNR above bicubic enlarging: plain enlarging is nearer" in words


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("steps: 30", "stepps: 30"), "did you mean 'steps'"),
        (("prior: {steps: 40, batch: 12,", "prior: {steps: 40, batch: 12, heads: 3, unused: 1,"), "stands twice"),
        (("pictures, pool", "attic, pool"), "metadata.jsonl: cannot be read"),
    ],
)
def test_what_can_be_mended_is_told_with_its_file(tmp_path: Path, change: tuple[str, str], complaint: str):
    write_pictures(tmp_path / "pictures", 12)
    recipe = write_recipe(tmp_path)
    assert change[0] in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(*change))
    error = run("clip", "--recipe", str(recipe), "--device", "cpu").exception
    assert isinstance(error, LimnerError)
    assert complaint in str(error)
    assert str(tmp_path) in str(error)
