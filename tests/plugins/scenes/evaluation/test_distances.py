"""Whether seeds matter and whether a model copies, told from how far pictures are apart."""

from __future__ import annotations

import numpy as np
import pytest

from limner_scenes.evaluation.distances import COPY, another, diversity, nearest
from limner_scenes.evaluation.prompts import SEED, prompts
from limner_scenes.evaluation.tasks import BY_NAME
from limner_scenes.render import render
from limner_scenes.sampling import sample_scene
from limner_scenes.statement import everything
from limner_scenes.worlds import SMALL

PROMPTS = prompts(BY_NAME["colours"], "seen", SMALL, 6)


def test_renders_of_one_prompt_are_as_diverse_as_renders() -> None:
    rng = np.random.default_rng(1)
    pictures = [[render(another(prompt, SMALL, rng), 64) for _ in range(4)] for prompt in PROMPTS]
    assert diversity(PROMPTS, pictures, SMALL).as_json()["share"] == pytest.approx(1, abs=0.35)


def test_a_model_that_draws_one_picture_whatever_the_seed_has_none() -> None:
    pictures = [[render(prompt.scene, 64)] * 4 for prompt in PROMPTS]
    assert diversity(PROMPTS, pictures, SMALL).model == 0


def test_another_scene_of_a_prompt_shows_all_that_it_says() -> None:
    rng = np.random.default_rng(2)
    for prompt in PROMPTS:
        shown = everything(another(prompt, SMALL, rng))
        for part in ("names", "size", "place", "setting", "style"):
            assert getattr(prompt.said, part) in (None, getattr(shown, part))


def test_copies_of_training_pictures_are_near_and_renders_of_held_out_prompts_are_not() -> None:
    rng = np.random.default_rng(SEED)
    copies = [render(sample_scene(rng, "train", world=SMALL), 64) for _ in range(len(PROMPTS))]
    found = nearest(PROMPTS, copies, SMALL, sample=40)
    assert found.model.max() < COPY < np.median(found.renders)
    told = found.as_json()
    assert (told["training pictures"], told["model"]["nearer"]["share"]) == (40, 1.0)
