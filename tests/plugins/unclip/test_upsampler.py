"""The upsampler makes an image larger, with a network of its own for the last step."""

from __future__ import annotations

from typing import Any

import PIL.Image
import pytest
import torch
from torch.nn import functional

from limner import Image
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.pixels import resized
from limner_unclip.upsampler import Upsampler


def small(seed: int = 0) -> Image:
    return Image(torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1)


def test_it_keeps_the_rules_of_steps(store: ModelStore) -> None:
    check_step(Upsampler, {"model": "tiny", "steps": 2}, models=store)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_the_last_step_has_its_own_network(load: Any, generation: Any, steps: int) -> None:
    step = load(Upsampler, steps=steps)
    asked: list[str] = []
    hooks = [step.first.register_forward_hook(lambda *_: asked.append("first"))]
    hooks.append(step.last.register_forward_hook(lambda *_: asked.append("last")))
    [image] = step.upscale([generation().with_image(small())])
    for hook in hooks:
        hook.remove()
    assert asked == ["first"] * (steps - 1) + ["last"]
    assert image.size == (64, 64)
    assert image.tensor().abs().max() <= 1


def test_the_image_follows_the_small_one_and_the_seed(load: Any, generation: Any) -> None:
    step = load(Upsampler, steps=2)

    def pixels(seed: int, image: Image) -> torch.Tensor:
        [large] = step.upscale([generation(seed).with_image(image)])
        return large.tensor()

    assert torch.equal(pixels(0, small()), pixels(0, small()))
    assert not torch.allclose(pixels(0, small()), pixels(1, small()), atol=0.1)
    assert not torch.allclose(pixels(0, small()), pixels(0, small(1)), atol=0.01)


def test_pillow_images_are_taken_as_well(load: Any, generation: Any) -> None:
    [image] = load(Upsampler, steps=2).upscale([generation().with_image(Image(PIL.Image.new("RGB", (20, 20), "red")))])
    assert image.size == (64, 64)


def test_resizing_is_bicubic_and_antialiased() -> None:
    image = small().tensor()
    expected = functional.interpolate(image[None], size=[64, 64], mode="bicubic", align_corners=False, antialias=True)
    assert torch.equal(resized(image, (64, 64), torch.device("cpu")), expected[0])


def test_more_than_a_hundred_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="less than or equal to 100"):
        Upsampler.Options(model="tiny", steps=101)
