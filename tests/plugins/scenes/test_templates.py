import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter

from limner_scenes.render import render
from limner_scenes.scene import Scene, Thing
from limner_scenes.templates import likeness
from limner_scenes.worlds import PLAIN


def drawn(shape: str, scale: float = 0.3, x: float = 0.5, blur: float = 0) -> NDArray[np.float32]:
    picture = render(Scene("white", (Thing(shape, "black", "large", x, 0.5, scale),), None), 128)
    soft = PillowImage.fromarray(picture).convert("L").filter(ImageFilter.GaussianBlur(blur))
    levels = np.asarray(soft, np.float32)
    return (levels.max() - levels) / np.float32(230)


def outline(radius: NDArray[np.float64], stretch: float = 1.0) -> NDArray[np.float32]:
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    points = np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch], 1) * 60 + 128
    canvas = PillowImage.new("L", (256, 256))
    ImageDraw.Draw(canvas).polygon(points.ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(2), np.float32) / 255


def blob(rng: np.random.Generator) -> NDArray[np.float32]:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    bumps = (0.15 * rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5))
    return outline(np.maximum(1 + sum(bumps), 0.2))


@pytest.mark.parametrize("shape", PLAIN.kinds)
@pytest.mark.parametrize(("scale", "x", "blur"), [(0.32, 0.5, 0), (0.32, 0.48, 3), (0.18, 0.213, 0), (0.18, 0.7, 2)])
def test_every_shape_is_named_at_any_size_and_place_sharp_or_soft(shape: str, scale: float, x: float, blur: float) -> None:
    assert likeness(drawn(shape, scale, x, blur)).name == shape


def test_a_shape_that_runs_out_of_the_picture_a_little_is_still_named() -> None:
    assert likeness(drawn("star", 0.3, 0.28)).name == "star"


def test_nineteen_blobs_in_twenty_have_no_name() -> None:
    rng = np.random.default_rng(0)
    named = [likeness(blob(rng)).name for _ in range(150)]
    assert sum(name is not None for name in named) <= 0.05 * len(named)


@pytest.mark.parametrize("stretch", [1.15, 1.3, 1.5])
def test_an_oval_is_no_circle(stretch: float) -> None:
    assert likeness(outline(np.ones(90))).name == "circle"
    assert likeness(outline(np.ones(90), stretch)).name is None


def test_a_shape_halfway_to_another_is_mostly_unsure_and_never_a_third() -> None:
    unsure = 0
    pairs = list(itertools.combinations([shape for shape in PLAIN.kinds if shape not in ("ring", "skull")], 2))
    for one, other in pairs:
        name = likeness((drawn(one) + drawn(other)) / 2).name
        assert name in (one, other, None)
        unsure += name is None
    assert unsure >= 0.9 * len(pairs)


def test_a_shape_blurred_beyond_recognition_has_no_name() -> None:
    assert [likeness(drawn(shape, 0.18, blur=12)).name for shape in PLAIN.kinds] == [None] * len(PLAIN.kinds)
