"""The decoder turns an embedding into a small image, with the text beside it where there is one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import PIL.Image
import pytest
import torch

from limner import Embedding, Generation, Image, Input, ModelError, Models
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.decoder import Decoder
from limner_unclip.text import Text


def pixels_of(step: Any, generation: Generation) -> torch.Tensor:
    [image] = step.decode([generation])
    pixels: torch.Tensor = image.tensor()
    return pixels


def test_it_keeps_the_rules_of_steps(store: ModelStore, embedded: Any) -> None:
    check_step(Decoder, {"model": "tiny", "steps": 2}, models=store, embedding=embedded().embedding)


def test_the_image_is_of_the_models_size_and_follows_embedding_and_seed(load: Any, embedded: Any) -> None:
    step = load(Decoder, steps=3)
    pixels = pixels_of(step, embedded())
    assert pixels.shape == (3, 32, 32)
    assert pixels.abs().max() <= 1
    assert torch.equal(pixels_of(step, embedded()), pixels)
    assert not torch.allclose(pixels_of(step, replace(embedded(), seed=9)), pixels, atol=0.1)
    assert not torch.allclose(pixels_of(step, replace(embedded(1), seed=0)), pixels, atol=0.01)


@pytest.mark.parametrize(("guidance", "rows"), [(1.0, 1), (8.0, 2)])
def test_guidance_of_one_asks_the_network_once(load: Any, embedded: Any, guidance: float, rows: int) -> None:
    step = load(Decoder, steps=3, guidance=guidance)
    asked = []
    hook = step.unet.register_forward_hook(lambda module, given, answer: asked.append(len(answer.sample)))
    step.decode([embedded()])
    hook.remove()
    assert asked == [rows] * 3


def test_a_given_beginning_takes_the_place_of_drawn_noise(load: Any, embedded: Any) -> None:
    step = load(Decoder, steps=3)
    given = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(5))
    begun = step.begin(replace(embedded(), noise=given))
    assert torch.equal(begun.x, given)
    assert torch.equal(begun.noise, step.begin(embedded()).noise)


def test_an_embeddings_own_negative_takes_the_place_of_the_null_embedding(load: Any, embedded: Any) -> None:
    step = load(Decoder)
    plain = step.begin(embedded())
    given = replace(embedded().embedding, negative=torch.ones(32))
    other = step.begin(embedded().with_embedding(given))
    assert torch.equal(other.conditioning.vector[1], plain.conditioning.vector[1])
    assert not torch.allclose(other.conditioning.vector[0], plain.conditioning.vector[0], atol=1e-3)


def test_an_embedding_of_another_space_is_refused(load: Any, generation: Any) -> None:
    other = generation().with_embedding(Embedding(torch.zeros(32), "kandinsky"))
    with pytest.raises(ModelError, match="the embedding lives in space 'kandinsky'"):
        load(Decoder).begin(other)


def test_a_text_of_another_space_is_encoded_anew(load: Any, embedded: Any) -> None:
    step = load(Decoder)
    [text] = load(Text).encode_text([embedded(prompt="a star")])
    foreign = replace(embedded(), text=replace(text, space="another"))
    assert torch.equal(step.begin(foreign).conditioning.tokens, step.begin(embedded()).conditioning.tokens)


@pytest.mark.parametrize("words", [0, 5, 28, 60])
def test_leaving_padding_out_does_not_change_the_answer(load: Any, embedded: Any, words: int) -> None:
    quick, plain = load(Decoder, exact=False), load(Decoder, exact=True)
    given = embedded(prompt="x" * words)
    states = [step.begin(given) for step in (quick, plain)]
    ours, theirs = (step.predict([state]) for step, state in zip((quick, plain), states, strict=True))
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_no_context_is_as_long_as_a_level_has_pixels(load: Any, models: Models, embedded: Any) -> None:
    """Diffusers would take its mask for one that covers the pixels as well."""
    step = load(Decoder, exact=False)
    step.pixel_counts = {12, 13}
    lengths = {step.begin(embedded(prompt="x" * words)).conditioning.tokens.shape[1] for words in range(3, 12)}
    assert lengths.isdisjoint({12, 13})
    assert {11, 14} <= lengths


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_precisions_answer_alike(load: Any, store: ModelStore, embedded: Any, dtype: torch.dtype) -> None:
    step = load(Decoder, models=store.bind(torch.device("cpu"), dtype), dtype=dtype, guidance=1.0)
    reference = load(Decoder, guidance=1.0)
    answer, full = (one.predict([one.begin(embedded())]) for one in (step, reference))
    assert answer.dtype == dtype
    assert torch.allclose(answer.float(), full, atol=0.05)
    [advanced] = step.advance([step.begin(embedded())])
    assert advanced.x.dtype == torch.float32


def edited(embedded: Any, size: tuple[int, int] = (32, 32)) -> Generation:
    """A generation with a white image to edit, of which the left half may change."""
    mask = PIL.Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    image = PIL.Image.new("RGB", size, "white")
    inputs = tuple(Input(role, Image(picture), "") for role, picture in (("image", image), ("mask", mask)))
    asked: Generation = embedded(inputs=inputs)
    return asked


@pytest.mark.parametrize("scheduler", ["ancestral", "ddim", "dpm++"])
def test_under_a_mask_the_rest_of_the_image_stays(load: Any, embedded: Any, scheduler: str) -> None:
    step = load(Decoder, steps=3, masked=True, scheduler=scheduler)
    pixels = pixels_of(step, edited(embedded))
    assert torch.allclose(pixels[:, :, 16:], torch.ones(3, 32, 16))
    assert (pixels[:, :, :16] < 0.9).float().mean() > 0.5


def test_under_a_mask_the_network_sees_the_rest_at_its_own_noise(load: Any, embedded: Any) -> None:
    step = load(Decoder, steps=5, masked=True)
    state = step.begin(edited(embedded))
    [state] = step.advance([state])
    alpha, sigma = state.plan.rows[1, :2]
    assert torch.allclose(state.x[:, :, 16:], (alpha + sigma * state.kept.noise)[:, :, 16:])


def test_a_mask_reaches_all_pixels_that_it_touches_at_all(load: Any, embedded: Any) -> None:
    asked = edited(embedded, (320, 160))
    dot = PIL.Image.new("L", (320, 160))
    dot.putpixel((0, 0), 1)
    asked = replace(asked, inputs=(asked.inputs[0], Input("mask", Image(dot), "")))
    changes = load(Decoder, masked=True).begin(asked).kept.changes
    assert changes.sum() == 1
    assert changes[0, 8, 0] == 1


def test_without_a_caption_the_prompt_is_not_shown(load: Any, embedded: Any) -> None:
    silent = load(Decoder, caption=False)
    one, other = (silent.begin(embedded(prompt=prompt)).conditioning for prompt in ("a ball", "a star"))
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.tokens, load(Decoder).begin(embedded(prompt="")).conditioning.tokens)


def test_a_preview_is_the_image_as_the_last_step_predicted_it(load: Any, embedded: Any) -> None:
    step = load(Decoder, steps=3)
    state = step.begin(embedded())
    assert step.preview(state) is None
    [state] = step.advance([state])
    preview = step.preview(state)
    assert preview.size == (32, 32)
    assert not torch.equal(preview.tensor(), step.finish(state).tensor())
