"""What the stages learn from: true captions, timesteps, weights, dropped conditions, worn pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limner import ConfigurationError
from limner_unclip.training.clip import IMPOSSIBLE, contrastive_loss
from limner_unclip.training.data.source import find_stream
from limner_unclip.training.decoder import draw_drops, new_decoder
from limner_unclip.training.export import with_fixed_variance
from limner_unclip.training.noise import NoiseSchedule, draw_noise, draw_timesteps, x0_weights
from limner_unclip.training.pool import holds
from limner_unclip.training.recipe import Decoder, Upsampler
from limner_unclip.training.swaps import false_twin
from limner_unclip.training.upsampler import degraded
from limner_unclip.training.vocabulary import write_tokenizer

CPU = torch.device("cpu")


def test_a_caption_is_true_of_all_that_shows_what_it_states():
    shown = np.array([[0, 1], [0, 2], [1, 1]])
    stated = np.array([[0, 1], [0, -1], [-1, -1]])
    assert holds(shown, stated).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_contrast_is_least_where_all_true_pairs_and_only_they_score_high():
    true = torch.tensor([[True, True, False], [False, False, True]])
    right, wrong = torch.where(true, 20.0, 0.0), torch.where(true, 0.0, 20.0)
    assert contrastive_loss(right, true) < 1e-3
    assert contrastive_loss(wrong, true) > 5


def test_timesteps_cover_the_whole_range_evenly():
    steps = draw_timesteps(np.random.default_rng(0), 10, CPU)
    assert sorted((steps // 100).tolist()) == list(range(10))
    assert steps.tolist() != sorted(steps.tolist())


def test_noising_is_that_of_diffusers():
    from diffusers import UnCLIPScheduler

    clean, steps = torch.randn(4, 3, 8, 8), torch.tensor([0, 300, 700, 999])
    noise = draw_noise(np.random.default_rng(1), clean)
    theirs = UnCLIPScheduler(beta_schedule="squaredcos_cap_v2").add_noise(clean, noise, steps)
    assert torch.allclose(NoiseSchedule(CPU).noised(clean, steps, noise), theirs, atol=1e-5)


def test_weights_average_one_and_with_an_offset_never_vanish():
    kept = torch.linspace(0.9999, 1e-6, 1000).double()
    weights = x0_weights(kept, offset=1, most=5)
    assert weights.mean().item() == pytest.approx(1)
    assert weights.max() / weights.min() == pytest.approx(5, rel=1e-3)


def test_without_offset_weights_are_those_of_min_snr():
    kept = torch.tensor([0.5, 0.75, 0.9, 0.99], dtype=torch.float64)
    weights = x0_weights(kept, offset=0, most=5)
    assert (weights / weights[0]).tolist() == pytest.approx([1, 3, 5, 5])


def test_conditions_are_dropped_each_by_its_own_chance_as_in_the_paper():
    settings = Decoder(steps=1, batch=1)
    no_embedding, no_text = draw_drops(np.random.default_rng(0), 20_000, settings)
    assert no_embedding.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert no_text.float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert (no_embedding & no_text).float().mean().item() == pytest.approx(0.05, abs=0.01)


def test_conditions_may_be_dropped_together_besides():
    settings = Decoder(steps=1, batch=1, drop_both=0.2, drop_embedding=0.0, drop_text=0.0)
    no_embedding, no_text = draw_drops(np.random.default_rng(0), 20_000, settings)
    assert torch.equal(no_embedding, no_text)
    assert no_text.float().mean().item() == pytest.approx(0.2, abs=0.01)


def test_a_false_twin_is_a_rival_of_its_own_picture_alone():
    true = torch.eye(2, dtype=torch.bool)
    logits = torch.where(true, 20.0, 0.0)
    none = torch.full((2,), IMPOSSIBLE)
    assert contrastive_loss(logits, true, none) == contrastive_loss(logits, true)
    twinned = contrastive_loss(logits, true, torch.tensor([20.0, IMPOSSIBLE]))
    assert twinned.item() == pytest.approx(np.log(2) / 4, abs=1e-3)


def test_a_false_twin_exchanges_two_words_of_one_kind():
    kinds = [["red", "blue", "dark red"], ["ball", "cube"]]
    assert false_twin("A red ball and a blue cube", kinds) == "A blue ball and a red cube"
    assert false_twin("a ball under a cube, all red", kinds) == "a cube under a ball, all red"
    assert false_twin("a red ball and a red ball", kinds) is None
    assert false_twin("a redder ball", kinds) is None


def test_worn_pictures_stay_in_range_and_near_what_they_were():
    small = torch.rand(5, 3, 32, 32) * 1.6 - 0.8
    worn = degraded(np.random.default_rng(0), small, Upsampler(steps=1, batch=1))
    assert worn.abs().max() <= 1
    assert 0 < (worn - small).square().mean().sqrt() < 0.5
    clean = degraded(np.random.default_rng(0), small, Upsampler(steps=1, batch=1, blur=0, grain=0, stain=0))
    assert torch.allclose(clean, small, atol=1e-5)


def test_a_decoder_with_fixed_variance_gives_the_same_picture_and_the_least_variance():
    settings = Decoder(
        steps=1, batch=1, picture=16, channels=(8, 16), attention=(False, True), head=8, groups=4, time_dimension=16
    )
    narrow = new_decoder(settings, 12).eval()
    wide = with_fixed_variance(narrow).eval()
    noised, steps, text, added = torch.randn(2, 3, 16, 16), torch.tensor([5, 800]), torch.randn(2, 7, 12), torch.randn(2, 16)
    with torch.no_grad():
        answer = wide(noised, steps, text, class_labels=added).sample
        assert torch.equal(answer[:, :3], narrow(noised, steps, text, class_labels=added).sample)
    assert answer[:, 3:].eq(-1).all()


def test_the_tokenizer_knows_its_words_and_can_spell_all_others(tmp_path):
    tokenizer = write_tokenizer(["red", "circle", "a", "grey"], 16, tmp_path)
    assert tokenizer.convert_ids_to_tokens(tokenizer("a red circle").input_ids)[1:-1] == ["a</w>", "red</w>", "circle</w>"]
    for text in ("Zürich", "日本", "🙂 !", "agreed"):
        ids = tokenizer(text).input_ids[1:-1]
        assert ids
        assert tokenizer.eos_token_id not in ids
    assert tokenizer("", padding="max_length").attention_mask == [1, 1] + [0] * 14


def test_an_unknown_source_is_named_with_those_there_are():
    with pytest.raises(ConfigurationError, match="no picture source 'attic'"):
        find_stream("attic")
