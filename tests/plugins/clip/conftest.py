"""The tiny CLIP, and a file of concepts for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_models

from limner.models import ModelStore
from limner.testing import local_models

CONCEPTS = """
concepts:
  sword:
    words: {colour: [a red, a blue]}
    positive: ["{colour} sword", [a blade, a sabre]]
    contrast: ["{colour} ring", "{colour} moon", an image of the written word sword]
  skull:
    positive: [a skull]
    contrast: [a heart]
"""


COMPONENTS = ("text_encoder", "tokenizer", "image_encoder", "feature_extractor")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the CLIP alone of the tiny Karlo: nothing here needs more."""
    folder = tmp_path_factory.mktemp("clip")
    for name in COMPONENTS:
        getattr(tiny_models, name)().save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({name: tiny_models.INDEX[name] for name in COMPONENTS}))
    return folder


@pytest.fixture(scope="session")
def store(clip: Path) -> ModelStore:
    return local_models(tiny=clip)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder with concepts of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "own.yaml").write_text(CONCEPTS, encoding="utf-8")
    return folder
