"""The conformance kit passes a good step of each kind, and tells an author which rule a bad one breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
import torch

import limner
from limner import Generation, Image, Range, Signal, hookimpl
from limner.testing import NotConforming, check_step


class Length(limner.Step):
    """A good step that measures."""

    type = "acme.length"

    @classmethod
    def emits(cls, options: Any, models: limner.ModelIndex) -> Mapping[str, Range]:
        return {"acme.length": Range(0, 10_000)}

    @hookimpl
    def filter_prompt(self, generations: Sequence[Generation]) -> list[list[Signal]]:
        return [[Signal("acme.length", len(generation.prompt))] for generation in generations]


class Grain(limner.Step):
    """A good step that draws, in batches."""

    type = "acme.grain"
    max_batch = 4

    @hookimpl
    def transform_image(self, generations: Sequence[Generation]) -> list[Image]:
        return [self._grain(generation) for generation in generations]

    def _grain(self, generation: Generation) -> Image:
        assert generation.image is not None
        pixels = generation.image.tensor()
        return Image((pixels + 0.1 * torch.randn(pixels.shape, generator=self.generator(generation))).clamp(-1, 1))


@dataclass
class Fading:
    pixels: torch.Tensor
    steps: int


class Fade(limner.IterativeStep):
    """A good step in advances, as many as the seed says."""

    type = "acme.fade"

    def begin(self, generation: Generation) -> Fading:
        assert generation.image is not None
        return Fading(generation.image.tensor(), 2 + generation.seed)

    def advance(self, states: Sequence[Fading]) -> Sequence[Fading]:
        faded = 0.5 * torch.stack([state.pixels for state in states])
        return [replace(state, pixels=pixels) for state, pixels in zip(states, faded, strict=True)]

    def finish(self, state: Fading) -> Image:
        return Image(state.pixels)

    @hookimpl
    def transform_image(self, generations: Sequence[Generation]) -> list[Any]:
        return self.run(generations)


@pytest.mark.parametrize("step", [Length, Grain, Fade])
def test_a_good_step_passes(step: type[limner.Step]) -> None:
    check_step(step)


def refused(step: type[limner.Step], **how: Any) -> str:
    with pytest.raises(NotConforming) as raised:
        check_step(step, **how)
    return str(raised.value)


def test_the_loaders_rules_hold() -> None:
    class Loud(Length):
        type = "acme.Length"
        runs_on = "gpu"  # type: ignore[assignment]

    told = refused(Loud)
    assert "its type is 'acme.Length'" in told
    assert "runs_on is 'gpu'" in told


def test_one_answer_too_few() -> None:
    class Short(Grain):
        @hookimpl
        def transform_image(self, generations: Sequence[Generation]) -> list[Image]:
            return super().transform_image(generations)[:1]

    assert "answered 1 results for 2 generations" in refused(Short)


def test_an_answer_of_another_type() -> None:
    class Tensor(Grain):
        @hookimpl
        def transform_image(self, generations: Sequence[Generation]) -> list[Any]:
            return [generation.image.tensor() for generation in generations]  # type: ignore[union-attr]

    assert "a torch.Tensor where a limner.Image belongs" in refused(Tensor)


def test_pixels_that_are_not_finite() -> None:
    class Burnt(Fade):
        def finish(self, state: Fading) -> Image:
            return Image(state.pixels / 0)

    assert "pixels that are not finite" in refused(Burnt)


def test_a_changed_tensor() -> None:
    class InPlace(Grain):
        @hookimpl
        def transform_image(self, generations: Sequence[Generation]) -> list[Image]:
            return [Image(generation.image.tensor().mul_(0.5)) for generation in generations]  # type: ignore[union-attr]

    assert "it changed a generation it was given" in refused(InPlace)


def test_a_changed_picture() -> None:
    class DrawsOnIt(Grain):
        @hookimpl
        def transform_image(self, generations: Sequence[Generation]) -> list[Image]:
            for generation in generations:
                generation.image.pillow().putpixel((0, 0), (1, 2, 3))  # type: ignore[union-attr]
            return [generation.image for generation in generations]  # type: ignore[misc]

    assert "it changed a generation it was given" in refused(DrawsOnIt)


def test_a_signal_that_was_not_declared() -> None:
    class Extra(Length):
        @hookimpl
        def filter_prompt(self, generations: Sequence[Generation]) -> list[list[Signal]]:
            return [[Signal("acme.length", 1), Signal("acme.width", 1)] for _ in generations]

    assert "signal 'acme.width', which it does not declare" in refused(Extra)


def test_a_declared_signal_that_is_not_measured() -> None:
    class Silent(Length):
        @hookimpl
        def filter_prompt(self, generations: Sequence[Generation]) -> list[list[Signal]]:
            return [[] for _ in generations]

    assert "emits() declares acme.length, and its answer lacks it" in refused(Silent)


def test_a_signal_out_of_its_range() -> None:
    class Narrow(Length):
        @classmethod
        def emits(cls, options: Any, models: limner.ModelIndex) -> Mapping[str, Range]:
            return {"acme.length": Range(0, 1)}

    assert "not a number from 0 to 1" in refused(Narrow)


def test_declarations_of_another_form() -> None:
    class Names(Length):
        @classmethod
        def emits(cls, options: Any, models: limner.ModelIndex) -> Mapping[str, Range]:
            return ["acme.length"]  # type: ignore[return-value]

    assert "emits() of Names gives ['acme.length'], not a mapping" in refused(Names)

    class Measures(Grain):
        emits = Length.emits

    assert "emits() gives acme.length, and a transform_image step measures nothing" in refused(Measures)


def test_a_digest_that_changes() -> None:
    calls = count()

    class Restless(Length):
        @classmethod
        def digest(cls, options: Any, models: limner.ModelIndex) -> str:
            return str(next(calls))

    assert "it is text, the same at every call" in refused(Restless)


def test_reading_beyond_the_stage() -> None:
    class Curious(Grain):
        @classmethod
        def reads(cls, options: Any) -> frozenset[str]:
            return frozenset({"image", "embedding"})

    told = refused(Curious)
    assert told.startswith(f"{__file__}:{Curious.reads.__func__.__code__.co_firstlineno}: ")  # type: ignore[attr-defined]
    assert "reads() of Curious gives embedding, which a transform_image step may not read" in told
    assert "it may read image, mask, prompt, upload" in told


def test_randomness_of_ones_own() -> None:
    class Rolls(Grain):
        def _grain(self, generation: Generation) -> Image:
            return Image(torch.rand(3, 8, 8))

    assert "draw from self.generator(generation)" in refused(Rolls)
    check_step(Rolls, repeatable=False)


def test_an_advance_that_loses_a_state() -> None:
    class Forgets(Fade):
        def group_key(self, state: Fading) -> tuple[()]:
            return ()

        def advance(self, states: Sequence[Fading]) -> Sequence[Fading]:
            return super().advance(states)[:1]

    assert "for 2 states; it gives a list of one for each" in refused(Forgets)


def test_an_item_error_is_told_as_it_is() -> None:
    class Declines(Grain):
        @hookimpl
        def transform_image(self, generations: Sequence[Generation]) -> list[Any]:
            return [limner.ItemError("too small", fix="upscale it first") for _ in generations]

    assert "too small\n  upscale it first" in refused(Declines)


def test_what_the_step_needs_can_be_given() -> None:
    seen: list[str] = []

    class Sees(Length):
        @hookimpl
        def filter_prompt(self, generations: Sequence[Generation]) -> list[list[Signal]]:
            seen.extend(generation.prompt for generation in generations)
            return super().filter_prompt(generations)

    check_step(Sees, prompt="a cat")
    assert set(seen) == {"a cat"}
