"""The built-in concepts on the model they are written for: rendered swords and skulls are told from all other shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import limner_scenes
from limner import Generation, Image
from limner.testing import load_step, local_models
from limner_clip.image import ImageConcepts
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_scenes.scene import Scene

WEIGHTS = Path(limner_scenes.__file__).parent / "weights"
SCENES = 200

pytestmark = pytest.mark.skipif(not (WEIGHTS / "model_index.json").is_file(), reason="no weights are installed")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Scenes of one thing and of two, none of which training may show where it shows two."""
    rng = np.random.default_rng(20220413)
    return [sample_scene(rng, "seen") for _ in range(SCENES)]


@pytest.fixture(scope="module")
def scores(scenes: list[Scene]) -> dict[str, Any]:
    gate: Any = load_step(ImageConcepts, {"model": "scenes"}, models=local_models(scenes=WEIGHTS))
    pictures = [Image(PIL.Image.fromarray(render(scene, 128))) for scene in scenes]
    answers = gate.classify_image([Generation("r", i, i, "", image=picture) for i, picture in enumerate(pictures)])
    return {signal.name: np.array([answer[i].value for answer in answers]) for i, signal in enumerate(answers[0])}


@pytest.mark.parametrize("concept", ["sword", "skull"])
def test_a_thing_is_told_from_the_other_shapes_by_its_score(concept: str, scenes: list[Scene], scores: dict[str, Any]) -> None:
    shown = np.array([any(thing.kind == concept for thing in scene.things) for scene in scenes])
    told = scores[f"clip.{concept}"] >= 0.5
    assert (told == shown).mean() >= 0.95
    assert told[shown].mean() >= 0.8
