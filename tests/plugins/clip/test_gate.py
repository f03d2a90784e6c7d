"""What both gates declare without loading: signals, digest, and options that are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import limner_clip
from limner import Range
from limner.models import ModelStore
from limner.testing import local_models
from limner_clip.embedding import EmbeddingConcepts
from limner_clip.gate import ConceptOptions
from limner_clip.image import ImageConcepts


def options(root: Path | None = None, **given: Any) -> ConceptOptions:
    return ConceptOptions.model_validate({"model": "tiny", **given}, context={"root": root})


def digest(store: ModelStore, root: Path | None = None, **given: Any) -> str:
    return ImageConcepts.digest(options(root, **given), store)


def test_the_plugin_registers_a_gate_for_each_value() -> None:
    types = [step.type for step in limner_clip.register_steps()]
    assert types == ["clip.prompt_concepts", "clip.upload_concepts", "clip.embedding_concepts", "clip.image_concepts"]


def test_there_is_one_signal_for_each_built_in_concept(store: ModelStore) -> None:
    assert ImageConcepts.emits(options(), store) == {"clip.sword": Range(0.0, 1.0), "clip.skull": Range(0.0, 1.0)}


def test_concepts_of_ones_own_stand_in_place_of_the_built_in_ones(store: ModelStore, root: Path) -> None:
    (root / "plant.yaml").write_text("concepts: {nettle: {positive: [a nettle], contrast: [a rose]}}", encoding="utf-8")
    assert list(EmbeddingConcepts.emits(options(root, concepts="plant.yaml"), store)) == ["clip.nettle"]


def test_only_the_concepts_asked_for_are_measured(store: ModelStore) -> None:
    assert list(ImageConcepts.emits(options(only=["skull"]), store)) == ["clip.skull"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"only": ["skul"]}, "there is no concept 'skul'; there are sword, skull"),
        ({"only": []}, "at least 1 item"),
        ({"logit_scale": 0}, "greater than 0"),
        ({"concepts": "broken.yaml"}, r"broken.yaml:1:41: concepts.a.contrast: should hold at least 1"),
        ({"concepts": "missing.yaml"}, "asset 'missing.yaml' is not a file"),
    ],
)
def test_options_that_cannot_be_are_refused(root: Path, given: dict[str, Any], told: str) -> None:
    (root / "broken.yaml").write_text("concepts: {a: {positive: [b], contrast: []}}", encoding="utf-8")
    with pytest.raises(ValidationError, match=told):
        options(root, **given)


def test_the_digest_is_of_concepts_model_and_scale(store: ModelStore, root: Path, tmp_path: Path) -> None:
    (root / "same.yaml").write_text((root / "own.yaml").read_text("utf-8") + "# in other words", encoding="utf-8")
    digests = {
        digest(store),
        digest(store, only=["skull"]),
        digest(store, logit_scale=20),
        digest(store, root, concepts="own.yaml"),
        digest(store, root, concepts="same.yaml"),
    }
    assert len(digests) == 4  # a comment says nothing


def test_the_digest_changes_with_the_models_files(root: Path, tmp_path: Path) -> None:
    def model(content: str) -> ModelStore:
        folder = tmp_path / content
        folder.mkdir()
        (folder / "model_index.json").write_text("{}")
        (folder / "config.json").write_text(content)
        return local_models(tiny=folder)

    assert digest(model("1")) != digest(model("2"))


def test_declaring_needs_no_torch() -> None:
    code = (
        "import sys, limner_clip as c\n"
        "gate = c.register_steps()[1]\n"
        "assert len(gate.emits(gate.Options(model='tiny'), None)) == 2\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
