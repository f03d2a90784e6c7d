"""A recipe names its pictures in one of three forms."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from blocks import write_pictures

from limner import ConfigurationError
from limner_unclip.training.data.source import find_source
from limner_unclip.training.recipe import Data


def test_a_folder_and_a_stream_are_found(tmp_path: Path):
    write_pictures(tmp_path / "pictures", 6)
    folder = find_source(Data(folder=str(tmp_path / "pictures"), held_out=0.0))
    assert len(folder.draw(np.random.default_rng(0), 100, 8).pictures) == 6
    scenes = find_source(Data(source="scenes"))
    assert scenes.draw(np.random.default_rng(0), 4, 16).pictures.shape[1:] == (16, 16, 3)
    assert scenes.described() == "Drawn without end by the stream `scenes`."


def test_tars_are_found(tmp_path: Path):
    write_pictures(tmp_path / "pictures", 3)
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for number in range(3):
            (tmp_path / "caption.txt").write_text("a block")
            tar.add(tmp_path / "pictures" / f"{number}.png", f"{number}.png")
            tar.add(tmp_path / "caption.txt", f"{number}.txt")
    tars = find_source(Data(tars=str(tmp_path / "*.tar"), held_out=0.0))
    assert len(tars.draw(np.random.default_rng(0), 100, 8).pictures) == 3


def test_an_unknown_stream_is_named_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"no picture source 'attic'(.|\n)*scenes"):
        find_source(Data(source="attic"))
