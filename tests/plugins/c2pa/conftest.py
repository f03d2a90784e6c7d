from __future__ import annotations

from collections.abc import Callable

import PIL.Image
import pytest

from limner import EncodedImage, Generation, Image, Input, Provenance, Step
from limner.images.encoding import encode
from limner.testing import load_step, sample_generation
from limner_c2pa.attest import Attest

MARK = 0xC0FFEE123456
CREATED = "2026-11-22T20:00:00+00:00"
ACTIONS = ("create", "upscale", "sign", "mark")


@pytest.fixture(scope="module")
def step() -> Step:
    """The step with development certificates of its own."""
    return load_step(Attest)


@pytest.fixture(scope="module")
def finished() -> Callable[..., Generation]:
    """Makes a generation whose image is encoded."""

    def make(format: str = "png", **provenance: object) -> Generation:
        image = Image(PIL.Image.effect_mandelbrot((96, 64), (-2.2, -1.2, 0.8, 1.2), 60))
        told = {"mark_id": MARK, "task": "generate", "created": CREATED, "actions": ACTIONS, **provenance}
        given = Input("image", Image(PIL.Image.new("RGB", (64, 64), "red")), "5" * 64)
        return sample_generation(
            file=encode(image, format),  # type: ignore[arg-type]
            provenance=Provenance("r1", 2, **told),  # type: ignore[arg-type]
            task=told["task"],
            inputs=() if told["task"] == "generate" else (given,),
        )

    return make


@pytest.fixture(scope="module")
def attested(step: Step, finished: Callable[..., Generation]) -> Callable[..., EncodedImage]:
    """Makes a file with its manifest."""

    def make(format: str = "png", **provenance: object) -> EncodedImage:
        [file] = step.attest([finished(format, **provenance)])  # type: ignore[attr-defined]
        return file  # type: ignore[no-any-return]

    return make
