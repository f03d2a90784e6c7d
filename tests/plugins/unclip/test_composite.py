"""Edits go back into the input image: in its own size, within the mask and its feather, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from limner import Image, Input
from limner.testing import check_step, run_step
from limner_unclip.composite import Composite, Unpad
from limner_unclip.fitting import Fit


def request(size: tuple[int, int], hole: tuple[int, int, int, int]) -> dict[str, Any]:
    """Inputs: noise of this size, and a mask with a white hole (left, top, right, bottom)."""
    rng = np.random.default_rng(0)
    picture = Image(PIL.Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)))
    mask = PIL.Image.new("L", size)
    mask.paste(255, hole)
    return {"inputs": (Input("image", picture, ""), Input("mask", Image(mask), "")), "image": torch.zeros(3, 64, 64)}


def changed(asked: dict[str, Any], feather: int) -> tuple[np.ndarray[Any, Any], Image]:
    """Where the result differs from the input."""
    result = run_step(Composite, {"feather": feather}, **asked)
    before, after = (np.asarray(image.pillow()) for image in (asked["inputs"][0].image, result))
    return (before != after).any(axis=2), result


@pytest.mark.parametrize("cls", [Composite, Unpad])
def test_they_keep_the_rules_of_steps(cls: Any) -> None:
    check_step(cls, {})


@pytest.mark.parametrize("size", [(96, 96), (300, 40), (31, 200)])
@pytest.mark.parametrize("feather", [0, 5])
def test_beyond_the_mask_and_its_feather_no_pixel_differs(size: tuple[int, int], feather: int) -> None:
    hole = (10, 12, 22, 30)
    differs, result = changed(request(size, hole), feather)
    assert result.size == size
    rows, columns = np.nonzero(differs)
    assert columns.min() >= hole[0] - feather
    assert columns.max() < hole[2] + feather
    assert rows.min() >= hole[1] - feather
    assert rows.max() < hole[3] + feather
    assert differs[hole[1] : hole[3], hole[0] : hole[2]].mean() > 0.95


def test_inside_the_mask_it_is_what_was_drawn() -> None:
    _, result = changed(request((96, 96), (10, 10, 40, 40)), feather=3)
    assert (np.asarray(result.pillow())[10:40, 10:40] == 128).all()


def test_a_square_loses_what_was_added_to_it_and_a_square_input_nothing() -> None:
    assert run_step(Unpad, **request((80, 20), (0, 0, 1, 1))).size == (64, 16)
    assert run_step(Unpad, **request((5, 5), (0, 0, 1, 1))).size == (64, 64)


class TestFit:
    @pytest.mark.parametrize("size", [(32, 32), (100, 50), (7, 90), (4000, 1), (1, 1)])
    def test_an_image_lies_whole_in_the_square(self, size: tuple[int, int]) -> None:
        left, top, width, height = Fit(size, 32).box
        assert max(width, height) == 32
        assert 0 <= left <= 32 - width
        assert 0 <= top <= 32 - height
        assert max(abs(width / 32 - size[0] / max(size)), abs(height / 32 - size[1] / max(size))) <= 1 / 32

    def test_what_goes_in_comes_out_and_the_rest_repeats_the_edge(self) -> None:
        picture = torch.rand(3, 16, 32) * 2 - 1
        fit = Fit((32, 16), 32)
        square = fit.into(picture, torch.device("cpu"))
        assert square.shape == (3, 32, 32)
        assert torch.allclose(fit.out_of(square), picture, atol=1e-5)
        assert torch.allclose(square[:, 0], picture[:, 0], atol=1e-5)
        assert torch.allclose(square[:, -1], picture[:, -1], atol=1e-5)
