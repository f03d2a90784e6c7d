"""A small house for tests: a project with a toy plugin whose steps are quick and exact, and the real application around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from migrated import sqlite_at

import limner
from limner.app import App
from limner.plugins.loading import load_plugins
from limner.project import find_project
from limner.settings import Settings

PIPELINES = """\
limner: 1
pipelines:
  plain:
    task: generate
    policy: house
    parameters:
      shade: {sets: draw.shade, min: -0.9, max: 0.9}
    steps:
      - use: toy.words
      - {use: toy.draw, as: draw}
      - use: toy.look
      - use: toy.mark
  rewritten:
    task: generate
    policy: house
    steps:
      - use: toy.words
      - use: toy.embellish
      - {use: toy.words, as: words-again}
      - {use: toy.draw, as: draw}
      - use: toy.look
      - use: toy.mark
"""

POLICY = """\
policy: house
requires: [toy.words, toy.look]
categories: {words: {}}
rules:
  - {id: bad-word, at: prompt, signal: toy.bad, at_least: 1.0, then: block, category: words, message: Not that word.}
  - {id: odd-word, at: prompt, signal: toy.odd, at_least: 1.0, then: review}
  - {id: too-dark, at: image, signal: toy.dark, at_least: 0.9, then: block}
  - {id: rather-dark, at: image, signal: toy.dark, at_least: 0.75, then: review}
"""


class Words(limner.Step):
    """Tells bad and odd words, and breaks on `crash`."""

    type: ClassVar[str] = "toy.words"

    @classmethod
    def emits(cls, options: Any, models: Any) -> Mapping[str, limner.Range]:
        return {"toy.bad": limner.Range(), "toy.odd": limner.Range()}

    @limner.hookimpl
    def filter_prompt(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal]]:
        return [self._measure(generation.prompt) for generation in generations]

    def _measure(self, prompt: str) -> list[limner.Signal]:
        if "crash" in prompt:
            raise RuntimeError("the word list is on fire")
        at = prompt.find("bad")
        seen = (limner.Evidence(at, at + 3, "bad"),) if at >= 0 else ()
        return [
            limner.Signal("toy.bad", float("bad" in prompt), seen),
            limner.Signal("toy.odd", float("odd" in prompt)),
        ]


class Embellish(limner.Step):
    """Replaces `secretly` by a bad word, past the first filter."""

    type: ClassVar[str] = "toy.embellish"

    @limner.hookimpl
    def rewrite_prompt(self, generations: Sequence[limner.Generation]) -> list[str]:
        return [generation.prompt.replace("secretly", "bad") + ", finely" for generation in generations]


class DrawOptions(limner.Options):
    shade: float = 0.0


class Draw(limner.IterativeStep):
    """Draws noise of the image's own seed around a shade, in four exact advances. The words `dark` and `dim` set it."""

    type: ClassVar[str] = "toy.draw"
    Options = DrawOptions
    runs_on: ClassVar[Any] = "accelerator"

    @classmethod
    def reads(cls, options: Any) -> frozenset[str]:
        return frozenset({"prompt"})

    @limner.hookimpl
    def decode(self, generations: Sequence[limner.Generation]) -> list[Any]:
        return self.run(generations)

    def begin(self, generation: limner.Generation) -> Any:
        import torch

        if "break" in generation.prompt:
            raise RuntimeError("no more paint")
        shade = {"dark": -0.95, "dim": -0.6}.get(generation.prompt.split()[0], self.options_for(generation).shade)
        noise = torch.rand(3, 16, 16, generator=self.generator(generation)) * 0.02
        return _Canvas(noise + shade)

    def advance(self, states: Sequence[Any]) -> Sequence[Any]:
        for state in states:
            state.done += 1
        return states

    def finish(self, state: Any) -> limner.Image:
        return limner.Image(state.pixels)


class _Canvas:
    steps = 4

    def __init__(self, pixels: Any) -> None:
        self.pixels, self.done = pixels, 0


class AlterOptions(limner.Options):
    masked: bool = False
    weight: float = 0.0


class Alter(limner.Step):
    """Draws the input image in its negative, where the mask lets it; or so much of the second image as the weight says."""

    type: ClassVar[str] = "toy.alter"
    Options = AlterOptions

    @classmethod
    def reads(cls, options: AlterOptions) -> frozenset[str]:
        return frozenset({"upload", "mask"} if options.masked else {"upload"})

    @limner.hookimpl
    def decode(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        return [self._altered(generation) for generation in generations]

    def _altered(self, generation: limner.Generation) -> limner.Image:
        assert not any(given.file for given in generation.inputs), "a step has no use for the files"
        image, mask, second = (generation.input(role) for role in ("image", "mask", "second"))
        assert image is not None
        if second is not None:
            return limner.Image(image.tensor().lerp(second.tensor(), self.options_for(generation).weight))
        changes = 1.0 if mask is None else (mask.tensor() + 1) / 2
        return limner.Image(image.tensor() * (1 - changes) - image.tensor() * changes)


class Look(limner.Step):
    """Measures darkness: 0 white, 1 black."""

    type: ClassVar[str] = "toy.look"

    @classmethod
    def emits(cls, options: Any, models: Any) -> Mapping[str, limner.Range]:
        return {"toy.dark": limner.Range()}

    @limner.hookimpl
    def classify_image(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal]]:
        return [[limner.Signal("toy.dark", self._darkness(generation))] for generation in generations]

    def _darkness(self, generation: limner.Generation) -> float:
        assert generation.image is not None
        return float((1 - generation.image.tensor().mean()) / 2)


class Mark(limner.Step):
    """A white pixel in the corner."""

    type: ClassVar[str] = "toy.mark"

    @limner.hookimpl
    def watermark(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        marked = []
        for generation in generations:
            assert generation.image is not None
            pixels = generation.image.pillow().copy()
            pixels.putpixel((0, 0), (255, 255, 255))
            marked.append(limner.Image(pixels))
        return marked


def plugin(*more: type[limner.Step]) -> ModuleType:
    """The toy plugin, with further steps if given."""
    module = ModuleType("toy")

    @limner.hookimpl
    def register_steps() -> list[type[limner.Step]]:
        return [Words, Embellish, Draw, Alter, Look, Mark, *more]

    module.register_steps = register_steps  # type: ignore[attr-defined]
    return module


def house(
    folder: Path,
    *,
    pipelines: str = PIPELINES,
    policies: Mapping[str, str] | None = None,
    plugins: Sequence[ModuleType] = (),
    database_url: str = "",
) -> App:
    """An application over a project written into `folder`, its database ready unless another is named. Close it."""
    (folder / "pipelines.yaml").write_text(pipelines)
    (folder / "policies").mkdir(exist_ok=True)
    for name, text in (policies or {"house": POLICY}).items():
        (folder / "policies" / f"{name}.yaml").write_text(text)
    settings = Settings.from_environment({"LIMNER_DEVICES": "cpu", "LIMNER_DATABASE_URL": database_url})
    app = App(settings, find_project(settings, folder))
    if not database_url:
        app.project.make_state()
        sqlite_at(app.project.state / "limner.db")
    app.registry = load_plugins(None, extra=plugins or [plugin()], builtins=(), entry_points=False)  # type: ignore[misc]
    return app
