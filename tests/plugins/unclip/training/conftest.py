"""Blocks to train on, and a run of all stages on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from blocks import RECIPE, Blocks, write_pictures, write_recipe

from limner_unclip.training.commands import train
from limner_unclip.training.data.source import Streamed


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a recipe and a run of all its stages, to read and never to write."""
    folder = tmp_path_factory.mktemp("trained")
    write_pictures(folder / "pictures")
    assert train("all", write_recipe(folder), device="cpu", every=5) == folder / "run" / "model"
    return folder


@pytest.fixture
def blocks() -> Streamed:
    return Streamed("blocks", Blocks())


@pytest.fixture
def recipe_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "blocks.yaml"
    path.write_text(RECIPE)
    return path
