"""The doctor finds each fault at the network where it is, and says what is likely behind it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from limner import ConfigurationError
from limner_unclip.training.cli import add
from limner_unclip.training.commands import find_patient
from limner_unclip.training.doctor.clip import COLLAPSED, UNTRAINED, examine_clip
from limner_unclip.training.doctor.examination import examine
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.doctor.patient import Patient
from limner_unclip.training.doctor.priors import measure_prior, measure_priors
from limner_unclip.training.doctor.similarity import retrieval, strangers
from limner_unclip.training.doctor.upsampler import psnr

STAGES = ("clip", "prior", "ridge_prior", "direct_prior", "decoder", "upsampler")


def patient(model: Path) -> Patient:
    return find_patient(model, recipe=None, stream=None, pictures=12, device="cpu")


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """The trained model, to make sick."""
    shutil.copytree(trained / "run" / "model", tmp_path / "model")
    return tmp_path / "model"


def changed(path: Path, change) -> None:
    save_file({name: change(tensor) for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})


def run(*words: str):
    app = typer.Typer()
    add(app)
    return CliRunner().invoke(app, ["train", *words])


def test_every_stage_is_examined_in_the_order_of_the_chain(trained: Path):
    result = run("doctor", str(trained / "run" / "model"), "--pictures", "12", "--json")
    findings = json.loads(result.stdout)
    assert list(dict.fromkeys(finding["stage"] for finding in findings)) == list(STAGES)
    assert all(math.isfinite(finding["value"]) for finding in findings)
    assert result.exit_code == (0 if all(finding["healthy"] for finding in findings) else 1)


def test_the_priors_are_compared_in_one_table(trained: Path):
    told = run("priors", str(trained / "run" / "model"), "--pictures", "12").stdout
    rows = [line.split()[0] for line in told.splitlines() if "%" in line]
    assert rows == ["prior", "ridge_prior", "direct_prior"]
    figures = json.loads(run("priors", str(trained / "run" / "model"), "--pictures", "12", "--json").stdout)
    assert [one["parameters"] for one in figures] == [5376, 272, 4528]


def test_a_prior_turned_round_is_told_from_the_true_one(model: Path):
    before = measure_prior(patient(model), "ridge_prior")
    changed(model / "ridge_prior" / "model.safetensors", lambda tensor: -tensor)
    after = measure_prior(patient(model), "ridge_prior")
    assert before.true > 0.4
    assert after.true < 0


def test_a_clip_whose_pictures_all_look_alike_has_collapsed(model: Path):
    def dead(tensor: torch.Tensor) -> torch.Tensor:
        return torch.full_like(tensor, 0.01)

    changed(model / "image_encoder" / "model.safetensors", dead)
    found = {finding.measure: finding.verdict for finding in examine_clip(patient(model))}
    assert found["cosine of unrelated pictures"] == COLLAPSED
    assert found["caption finds its picture"] == UNTRAINED


def test_a_finding_outside_its_range_tells_the_cause_on_that_side():
    def finding(value: float) -> Finding:
        return Finding("clip", "a cosine", value, 0.2, 0.8, "too low", "too high")

    assert finding(0.2).verdict == finding(0.8).verdict == "healthy"
    assert (finding(0.1).verdict, finding(0.9).verdict) == ("too low", "too high")
    assert "not finite" in finding(math.nan).verdict
    assert finding(math.nan).json()["value"] is None


def test_retrieval_counts_rows_whose_best_column_is_a_true_one():
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    assert retrieval(scores, torch.eye(2, dtype=torch.bool)) == 0.5
    assert retrieval(scores, torch.ones(2, 2, dtype=torch.bool)) == 1.0


def test_nobody_meets_itself_among_strangers():
    rows = torch.arange(5)
    assert not (strangers(rows) == rows).any()


def test_psnr_is_that_of_pictures_between_minus_one_and_one():
    image = torch.zeros(1, 3, 4, 4)
    assert psnr(image + 0.2, image) == pytest.approx(20.0, abs=1e-4)


def test_what_is_no_model_is_never_called_healthy(model: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="is no model: it has no model_index"):
        patient(tmp_path / "empty")
    for component in ("image_encoder", "prior", "ridge_prior", "direct_prior", "decoder", "super_res_first"):
        shutil.rmtree(model / component)
    with pytest.raises(ConfigurationError, match="none of the networks"):
        examine(patient(model))
    with pytest.raises(ConfigurationError, match="has no prior"):
        measure_priors(patient(model))


def test_too_few_pictures_are_no_examination(model: Path):
    origin = json.loads((model / "training.json").read_text())
    origin["data"]["held_out"] = 0.1
    (model / "training.json").write_text(json.dumps(origin))
    with pytest.raises(ConfigurationError, match="5 pictures are held out, and examining a model takes 8"):
        patient(model)


def test_pictures_that_are_elsewhere_are_asked_for(model: Path):
    origin = json.loads((model / "training.json").read_text())
    origin["data"]["folder"] = "attic"
    (model / "training.json").write_text(json.dumps(origin))
    with pytest.raises(ConfigurationError, match="cannot be had: attic/metadata") as told:
        patient(model)
    assert told.value.where == str(model / "training.json")


def test_a_model_that_does_not_say_what_it_was_trained_on_needs_pictures(model: Path):
    (model / "training.json").unlink()
    with pytest.raises(ConfigurationError, match="nothing tells what to examine it with"):
        patient(model)
    (model / "training.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="does not say what the model was trained on"):
        patient(model)
