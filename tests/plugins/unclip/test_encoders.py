"""Texts and images come out as the model's CLIP encodes them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from limner import Image, Input, ItemError, Models
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.text import Text


def upload(seed: int, height: int = 48) -> Input:
    image = Image(torch.rand(3, height, 48, generator=torch.Generator().manual_seed(seed)) * 2 - 1)
    return Input("image", image, image.sha256())


def test_they_keep_the_rules_of_steps(store: ModelStore) -> None:
    check_step(Text, {"model": "tiny"}, models=store)
    check_step(ImageEncoder, {"model": "tiny"}, models=store)


def test_a_text_is_what_clip_makes_of_it(load: Any, models: Models, generation: Any) -> None:
    tokens = models.component("tiny", "tokenizer")(["a red circle"], padding="max_length", max_length=77, return_tensors="pt")
    expected = models.component("tiny", "text_encoder")(tokens.input_ids)
    [text] = load(Text).encode_text([generation(prompt="a red circle")])
    assert torch.equal(text.tokens, expected.last_hidden_state[0])
    assert torch.equal(text.pooled, expected.text_embeds[0])
    assert torch.equal(text.mask, tokens.attention_mask[0].bool())
    assert text.space == models.space("tiny")


def test_every_text_has_a_negative_the_empty_prompt_unless_told(load: Any, generation: Any) -> None:
    step = load(Text)
    plain, told, empty = step.encode_text(
        [generation(), generation(negative_prompt="a star"), generation(prompt="", negative_prompt="")]
    )
    [star] = step.encode_text([generation(prompt="a star")])
    assert torch.allclose(plain.negative.pooled, empty.pooled, atol=1e-6)
    assert torch.allclose(told.negative.pooled, star.pooled, atol=1e-6)


def test_the_empty_prompt_is_encoded_only_once(load: Any, generation: Any) -> None:
    step = load(Text)
    rows = []
    hook = step.text.encoder.register_forward_hook(lambda module, given, answer: rows.append(len(answer.text_embeds)))
    step.encode_text([generation(), generation(seed=1)])
    hook.remove()
    assert rows == [2]


def test_a_prompt_past_the_last_token_is_cut_and_the_log_says_so_without_its_words(
    load: Any, generation: Any, caplog: pytest.LogCaptureFixture
) -> None:
    step = load(Text)
    with caplog.at_level(logging.WARNING, logger="limner_unclip.conditioning"):
        [text] = step.encode_text([generation(prompt="secret " * 100)])
    assert text.mask.all()
    assert "fills all 77 tokens" in caplog.text
    assert "secret" not in caplog.text


def test_an_image_is_what_clip_makes_of_it(load: Any, models: Models, generation: Any) -> None:
    given = upload(0)
    pixels = models.component("tiny", "feature_extractor")(images=[given.image.pillow()], return_tensors="pt").pixel_values
    expected = models.component("tiny", "image_encoder")(pixels).image_embeds[0]
    [embedding] = load(ImageEncoder).encode_image([generation(inputs=(given,))])
    assert torch.allclose(embedding.vector, expected, atol=1e-6)
    assert embedding.space == models.space("tiny")


def test_an_image_that_is_no_square_is_seen_whole(load: Any, generation: Any) -> None:
    step = load(ImageEncoder)
    wide = torch.zeros(3, 24, 48)
    marked = wide.clone()
    marked[:, :, :6] = 1.0  # where a square cut from the middle would not reach
    inputs = [Input("image", Image(pixels), "") for pixels in (wide, marked)]
    plain, other = step.encode_image([generation(inputs=(given,)) for given in inputs])
    assert not torch.allclose(plain.vector, other.vector, atol=1e-2)


def test_a_request_without_an_image_fails_alone(load: Any, generation: Any) -> None:
    step = load(ImageEncoder)
    first, none, second = step.encode_image([generation(inputs=(upload(0),)), generation(), generation(inputs=(upload(1),))])
    assert isinstance(none, ItemError)
    [alone] = step.encode_image([generation(inputs=(upload(1),))])
    assert torch.allclose(second.vector, alone.vector, atol=1e-6)
    assert not torch.allclose(first.vector, second.vector, atol=1e-3)
    assert isinstance(step.encode_image([generation()])[0], ItemError)
