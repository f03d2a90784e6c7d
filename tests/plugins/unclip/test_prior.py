"""The prior draws an embedding for a text, its negative beside it, and refuses models that cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tiny_models
import torch

from limner import Generation, ModelError, Models
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.prior import Prior
from limner_unclip.text import Text


def embedding_of(step: Any, generation: Generation) -> torch.Tensor:
    [(embedding, _)] = step.sample_prior([generation])
    vector: torch.Tensor = embedding.vector
    return vector


def test_it_keeps_the_rules_of_steps(store: ModelStore) -> None:
    check_step(Prior, {"model": "tiny", "steps": 3}, models=store)


def test_the_embedding_is_in_the_models_space_and_follows_prompt_and_seed(load: Any, models: Models, generation: Any) -> None:
    step = load(Prior, steps=3)
    [(embedding, text)] = step.sample_prior([generation()])
    assert embedding.space == text.space == models.space("tiny")
    assert embedding.vector.shape == (32,)
    assert torch.equal(embedding_of(step, generation()), embedding.vector)
    assert not torch.allclose(embedding_of(step, generation(seed=1)), embedding.vector, atol=1e-2)
    assert not torch.allclose(embedding_of(step, generation(prompt="a green star")), embedding.vector, atol=1e-3)


def test_a_negative_prompt_is_what_guidance_moves_away_from(load: Any, generation: Any) -> None:
    step = load(Prior, steps=3)
    plain, negative = embedding_of(step, generation()), embedding_of(step, generation(negative_prompt="a green star"))
    assert not torch.allclose(plain, negative, atol=1e-3)
    unguided = load(Prior, steps=3, guidance=1.0)
    told = embedding_of(unguided, generation(negative_prompt="a green star"))
    assert torch.allclose(told, embedding_of(unguided, generation()), atol=1e-5)


def test_a_text_encoded_before_is_taken_as_it_is(load: Any, generation: Any) -> None:
    step = load(Prior, steps=2)
    [text] = load(Text).encode_text([generation(negative_prompt="a star")])
    given = generation(prompt="words that nobody reads", text=text)
    assert torch.equal(embedding_of(step, given), embedding_of(step, generation(negative_prompt="a star")))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("guidance", "rows"), [(1.0, 1), (4.0, 2)])
def test_guidance_of_one_asks_the_network_once(load: Any, generation: Any, exact: bool, guidance: float, rows: int) -> None:
    step = load(Prior, steps=3, guidance=guidance, exact=exact)
    asked = []
    layer = step.network.transformer.transformer_blocks[0].ff
    state = step.begin(generation())
    hook = layer.register_forward_hook(lambda module, given, answer: asked.append(len(answer)))
    for _ in range(state.steps):
        [state] = step.advance([state])
    hook.remove()
    assert asked == [rows] * 3


def test_the_cached_network_answers_as_the_network_itself(load: Any, generation: Any) -> None:
    quick, plain = load(Prior, exact=False), load(Prior, exact=True)
    for prompt in ("", "a red circle", "word " * 40):
        states = [step.begin(generation(prompt=prompt, negative_prompt="a star")) for step in (quick, plain)]
        ours, theirs = (step.predict([state]) for step, state in zip((quick, plain), states, strict=True))
        assert torch.allclose(ours, theirs, atol=2e-5)


def test_the_cached_network_computes_three_tokens_a_step(load: Any, generation: Any) -> None:
    step = load(Prior, exact=False)
    state = step.begin(generation())
    seen = []
    layer = step.network.transformer.transformer_blocks[0].attn1.to_q
    hook = layer.register_forward_hook(lambda module, given, answer: seen.append(given[0].shape))
    step.advance([state])
    hook.remove()
    assert seen == [(2, 3, 24)]


def test_of_several_embeddings_the_one_nearest_to_the_text_is_kept(load: Any, generation: Any) -> None:
    step = load(Prior, steps=3, best_of=4, exact=True)
    state = step.begin(generation())
    for _ in range(state.steps):
        [state] = step.advance([state])
    embedding, text = step.finish(state)
    scores = step.network.denormalise(state.x) @ text.pooled
    assert len(set(scores.tolist())) == 4
    assert float(embedding.vector @ text.pooled) == pytest.approx(float(scores.max()))


@pytest.mark.parametrize("exact", [True, False])
def test_embeddings_drawn_side_by_side_do_not_touch_each_other(load: Any, generation: Any, exact: bool) -> None:
    step = load(Prior, steps=3, best_of=2, exact=exact)
    state = step.begin(generation())
    alone = [replace(state, x=state.x[k : k + 1], noise=state.noise[:, k : k + 1]) for k in range(2)]
    [together] = step.advance([state])
    for k, one in enumerate(alone):
        assert torch.allclose(step.advance([one])[0].x[0], together.x[k], atol=1e-5)


def test_a_request_may_set_how_many_are_drawn(load: Any, generation: Any) -> None:
    step = load(Prior, steps=2)
    two = step.begin(generation(overrides={"best_of": 2}))
    assert two.x.shape == (2, 32)
    assert step.group_key(two) != step.group_key(step.begin(generation()))


def test_a_prior_without_statistics_is_refused(load: Any, models: Models, changed: Any) -> None:
    prior = tiny_models.prior()
    prior.clip_std.data.zero_()
    with pytest.raises(ModelError, match="clip_std is all zeros"):
        load(Prior, models=changed(models, {"prior": prior}))


def test_a_prior_of_another_form_is_refused_by_name(load: Any, models: Models, changed: Any) -> None:
    from diffusers import PriorTransformer

    other = PriorTransformer(num_attention_heads=2, attention_head_dim=12, embedding_dim=32, num_layers=1, added_emb_type=None)
    with pytest.raises(ModelError, match="tiny/prior: added_emb_type is None"):
        load(Prior, models=changed(models, {"prior": other}))


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"steps": 501}, {"guidance": 0.5}, {"scheduler": "euler"}, {"eta": 0.5}, {"eta": 2, "scheduler": "ddim"}],
)
def test_options_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"steps|guidance|scheduler|eta"):
        Prior.Options(model="tiny", **options)
