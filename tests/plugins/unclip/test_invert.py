"""The noise that an inversion finds is the one from which the decoder draws the image again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import PIL.Image
import PIL.ImageDraw
import pytest
import torch

from limner import Generation, Image, Input
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.decoder import Decoder
from limner_unclip.fitting import fitted
from limner_unclip.image_encoder import ImageEncoder
from limner_unclip.invert import Invert


def drawn(size: tuple[int, int] = (32, 32), colour: str = "red") -> Image:
    picture = PIL.Image.new("RGB", size, "skyblue")
    PIL.ImageDraw.Draw(picture).ellipse((8, 8, 22, 24), fill=colour)
    return Image(picture)


def given(role: Any, image: Image) -> Input:
    return Input(role, image, image.sha256())


@pytest.fixture
def asked(load: Any, generation: Any) -> Callable[..., Generation]:
    """A generation with input images, embedded."""

    def build(*images: Image, seed: int = 0) -> Generation:
        inputs = tuple(given(role, image) for role, image in zip(("image", "second"), images, strict=False))
        bare = generation(seed, prompt="", inputs=inputs)
        [embedding] = load(ImageEncoder).encode_image([bare])
        return replace(bare, embedding=embedding)

    return build


def decibels(image: Image, target: torch.Tensor) -> float:
    return 10 * math.log10(4 / float(((image.tensor() - target) ** 2).mean()))


def test_it_keeps_the_rules_of_steps(store: ModelStore, asked: Any) -> None:
    one = asked(drawn())
    check_step(Invert, {"model": "tiny", "steps": 2}, models=store, embedding=one.embedding, inputs=one.inputs)


class Gaussian:
    """In place of the network, the best guess there can be where each pixel is Gaussian around a mean: in closed form."""

    def __init__(self, step: Any, mean: torch.Tensor, spread: float = 0.5) -> None:
        self.step, self.mean, self.spread = step, mean, spread

    def __call__(self, states: Any) -> torch.Tensor:
        return torch.stack([self.guess(state.x, *state.plan.rows[state.i, :2]) for state in states])

    def guess(self, x: torch.Tensor, alpha: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        gain = alpha * self.spread**2 / (alpha**2 * self.spread**2 + sigma**2)
        return self.mean + gain * (x - alpha * self.mean)


@pytest.fixture
def predicting_data(changed: Any, models: Any) -> Any:
    """The tiny model, its network taken to predict the image itself: a random one that predicts noise is chaos at the end."""
    return changed(models, decoder_scheduler={"prediction_type": "sample", "variance_type": "fixed_small_log"})


@pytest.fixture
def pair(load: Any, predicting_data: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Any]]:
    """Inversion and decoder over the closed form."""

    def build(steps: int = 25, **options: Any) -> tuple[Any, Any]:
        common = {"models": predicting_data, "steps": steps, "guidance": 1.0}
        both = load(Invert, **common, **options), load(Decoder, **common, scheduler="ddim")
        for step in both:
            monkeypatch.setattr(step, "predict", Gaussian(step, torch.full((3, 32, 32), 0.2)))
        return both

    return build


def test_the_decoder_draws_the_image_again_from_the_noise_and_from_no_other(pair: Any, asked: Any) -> None:
    invert, decoder = pair()
    one, target = asked(drawn()), fitted(drawn(), 32, torch.device("cpu"))
    [noise] = invert.invert([one])
    [again] = decoder.decode([replace(one, noise=noise)])
    [other] = decoder.decode([replace(one, noise=torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(1)))])
    assert decibels(again, target) > 25
    assert decibels(other, target) < 15


def test_the_network_is_asked_once_a_step_and_not_at_the_least_noise(load: Any, asked: Any) -> None:
    state = load(Invert, steps=25).begin(asked(drawn()))
    assert state.steps == 23  # of 25, the last two have less noise than a tenth
    assert load(Invert, steps=1).begin(asked(drawn())).steps == 1


def test_a_blends_noise_is_at_its_ends_that_of_one_image_and_between_them_that_of_both(load: Any, asked: Any) -> None:
    both, first, second = asked(drawn(), drawn(colour="gold")), asked(drawn()), asked(drawn(colour="gold"))
    step, alone = load(Invert, steps=3, second=True), load(Invert, steps=3)
    [a], [b] = alone.invert([first]), alone.invert([second])
    ends = [step.invert([replace(both, overrides={"weight": weight})])[0] for weight in (0.0, 1.0)]
    assert torch.equal(ends[0], a)
    assert torch.equal(ends[1], b)
    assert len(step.begin(both).ascents) == 2
    [between] = step.invert([both])
    assert not torch.allclose(between, a)
    assert not torch.allclose(between, b)


def test_images_of_a_batch_do_not_know_of_each_other(load: Any, predicting_data: Any, asked: Any) -> None:
    step = load(Invert, models=predicting_data, steps=3)
    states = [step.begin(asked(drawn())), step.begin(asked(drawn(colour="gold")))]
    for _ in range(states[0].steps):
        states = step.advance(states)
    other, beside = map(step.finish, states)
    [alone] = step.invert([asked(drawn(colour="gold"))])
    rounding, difference = float((beside - alone).abs().max()), float((other - alone).abs().max())
    assert rounding < difference / 100  # a random network swells the last digit, which differs by processor and batch size
