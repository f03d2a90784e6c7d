"""A model that draws exactly what it is asked for, and the reader that comes with the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from PIL import Image as PillowImage

from limner import Image
from limner_scenes.evaluation.ablations import ablation_prompts
from limner_scenes.evaluation.concepts import CONCEPTS
from limner_scenes.evaluation.measuring import DIVERSITY, Wanted
from limner_scenes.evaluation.prompts import prompts
from limner_scenes.evaluation.tasks import BY_NAME
from limner_scenes.reader.reading import Reader
from limner_scenes.render import render
from limner_scenes.scene import Scene


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader.load()


def scenes(wanted: Wanted) -> dict[str, Scene]:
    """A scene for each prompt of an evaluation."""
    asked = [prompt for task, suite in wanted.tasks for prompt in prompts(task, suite, wanted.world, wanted.prompts)]
    asked += [prompt for each in CONCEPTS for _, prompt in each.prompts(wanted.world, wanted.concept_prompts)]
    asked += [prompt for _, prompt, _ in ablation_prompts(wanted.world, wanted.ablation_prompts)]
    asked += prompts(BY_NAME["colours"], "seen", wanted.world, DIVERSITY[0])
    return {prompt.text: prompt.scene for prompt in asked}


@dataclass
class Renderer:
    """Draws the scene of each prompt it knows, or what `instead` makes of it; nothing where that is None."""

    scenes: Mapping[str, Scene]
    instead: Callable[[str, Scene], Scene | None] = lambda prompt, scene: scene
    digest: str = "renderer"
    drawn: list[tuple[str, int]] = field(default_factory=list)

    def image(self, prompt: str, seed: int) -> Image | None:
        self.drawn.append((prompt, seed))
        scene = self.instead(prompt, self.scenes[prompt])
        return None if scene is None else Image(PillowImage.fromarray(render(scene, 64)))


@pytest.fixture(scope="session")
def renderer() -> Callable[..., Renderer]:
    """`renderer(wanted, instead)`: the model that knows the prompts of an evaluation."""

    def build(wanted: Wanted, instead: Callable[[str, Scene], Scene | None] = lambda prompt, scene: scene) -> Renderer:
        return Renderer(scenes(wanted), instead)

    return build
