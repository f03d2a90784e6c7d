"""Pictures in turned hues: what CLIP is to name in them, and what a decoder draws them from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from blocks import write_pictures, write_recipe

from limner import ConfigurationError
from limner_scenes.facts import FACTS
from limner_scenes.hues import KEPT
from limner_scenes.training_data import ScenesSource
from limner_unclip.training.clip import ClipTask
from limner_unclip.training.commands import train
from limner_unclip.training.decoder import draw_drops
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.loop import Training
from limner_unclip.training.pool import Pool
from limner_unclip.training.recipe import Clip, Decoder
from limner_unclip.training.vocabulary import write_tokenizer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    source = ScenesSource()
    tokenizer = write_tokenizer(source.words(), 32, tmp_path_factory.mktemp("hues") / "tokenizer")
    return Pool(source.draw(np.random.default_rng(1), 48, 16), tokenizer, CPU)


def test_turned_pictures_keep_their_brightness_and_change_their_colours(pool: Pool):
    rows = np.arange(len(pool))
    plain, turned = pool.images(rows), pool.turned(rows)
    assert turned.abs().max() <= 1
    assert (plain - turned).abs().mean() > 0.05
    inside = turned.abs().amax(1) < 1  # nothing was cut off there
    assert torch.allclose(plain.mean(1)[inside], turned.mean(1)[inside], atol=1e-4)


def test_only_what_no_turn_changes_is_known_of_them(pool: Pool):
    rows = np.arange(len(pool))
    shown, turned = pool.shown[rows], pool.shown_turned(rows)
    assert np.array_equal(turned[:, KEPT], shown[:, KEPT])
    assert (turned[:, ~KEPT] == -1).all()
    assert (turned[:, FACTS.index("count")] >= 0).all()


def test_clip_learns_to_name_kinds_in_turned_hues(pool: Pool, tmp_path: Path):
    """The same short training with them and without: kinds in turned hues are told better with them."""

    def surprise(hues: float) -> float:
        sizes = {"width": 16, "layers": 1, "heads": 2, "dimension": 16, "picture": 16, "patch": 4, "facts": 1.0}
        settings = Clip.model_validate({"steps": 30, "batch": 16, "rate": 5e-3, "warm_up": 3, "hues": hues, **sizes})
        tokenizer = write_tokenizer(ScenesSource().words(), 32, tmp_path / f"tokenizer-{hues}")
        task = ClipTask(settings, Lessons(lambda number: pool), tokenizer, CPU)
        Training(task, settings, tmp_path / f"{hues}.safetensors").run(lambda progress: None, every=30)
        rows = np.arange(len(pool))
        with torch.no_grad():
            embeddings = task.networks["image_encoder"](pixel_values=pool.turned(rows)).image_embeds
            return float(task.networks["facts"](embeddings, torch.from_numpy(pool.shown_turned(rows))))

    assert surprise(0.5) < surprise(0.0)


def test_a_turned_picture_is_drawn_from_its_embedding_alone():
    settings = Decoder(steps=1, batch=8, drop_both=1.0)
    no_embedding, no_text = draw_drops(np.random.default_rng(0), 8, settings, turned=3)
    assert no_embedding.tolist() == [False] * 3 + [True] * 5
    assert no_text.all()


def test_a_source_that_cannot_turn_hues_is_told_of(tmp_path: Path):
    write_pictures(tmp_path / "pictures")
    recipe = write_recipe(tmp_path)
    recipe.write_text(recipe.read_text().replace("clip: {", "clip: {hues: 0.5, ", 1))
    with pytest.raises(ConfigurationError, match="cannot turn their hues"):
        train("clip", recipe, device="cpu")
