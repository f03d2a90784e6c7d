import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from limner import UsageError
from limner_scenes.commands import eval_scenes
from limner_scenes.render import render
from limner_scenes.suites import SUITES, suite

SCENES = {prompt.text: prompt.scene for name in SUITES for prompt in suite(name, 4)}


def draw(prompts: list[str], seeds: list[int]) -> Iterator[NDArray[np.uint8]]:
    for text in prompts:
        yield render(SCENES[text], 64)


def test_json_is_one_object_and_the_sheet_is_a_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eval_scenes(draw, "seen", json_output=True, sheet_path=tmp_path / "sheet.png", prompts=4)
    report = json.loads(capsys.readouterr().out)
    assert report["suites"].keys() == {"single-seen", "pair-seen"}
    assert report["suites"]["pair-seen"]["tasks"]["relation"]["right"] == 4
    with PillowImage.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_the_table_shows_the_model_and_the_checker(capsys: pytest.CaptureFixture[str]) -> None:
    eval_scenes(draw, "unseen", prompts=4)
    table = capsys.readouterr().out
    assert "single-unseen" in table
    assert "4/4" in table
    assert "noise, sigma 10" in table


def test_a_wrong_call_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no suite 'hard'"):
        eval_scenes(draw, "hard")
    with pytest.raises(UsageError, match="0 prompts"):
        eval_scenes(draw, "seen", prompts=0)
