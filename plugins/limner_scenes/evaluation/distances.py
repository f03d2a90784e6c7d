"""How different pictures are, and what that says of a model: whether seeds matter, and whether it copies.

The distance of two pictures is the root mean square difference of their channels, from 0 to 1, at 32 pixels a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from limner_scenes.evaluation.prompts import SEED, Prompt
from limner_scenes.evaluation.rates import Rate
from limner_scenes.render import render
from limner_scenes.sampling import UNSEEN_ON, sample_any, sample_scene
from limner_scenes.scene import Scene
from limner_scenes.statement import everything
from limner_scenes.worlds import World

Picture = NDArray[np.uint8]
SIDE = 32
TRAINING_SAMPLE = 2000
COPY = 0.02
"""A picture nearer than this to one of the training stream is counted as near; the eye hardly tells the two apart."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """The mean distance between pictures of one prompt with different seeds, beside that of renders of the same prompts."""

    prompts: int
    seeds: int
    model: float
    renders: float

    def as_json(self) -> dict[str, float]:
        """As plain numbers."""
        share = self.model / self.renders if self.renders else 0.0
        return {"prompts": self.prompts, "seeds": self.seeds, "model": self.model, "renders": self.renders, "share": share}


@dataclass(frozen=True, slots=True)
class Nearest:
    """Distances to the nearest of a sample of the training stream: of a model's pictures, and of renders of their prompts."""

    sample: int
    model: NDArray[np.float32]
    renders: NDArray[np.float32]

    def as_json(self) -> dict[str, Any]:
        """The medians, and the rates nearer than COPY (Any: nested dictionaries of JSON values)."""
        told = {name: self._told(getattr(self, name)) for name in ("model", "renders")}
        return {"training pictures": self.sample, "near": COPY, **told}

    @staticmethod
    def _told(distances: NDArray[np.float32]) -> dict[str, Any]:
        rate = Rate(int((distances < COPY).sum()), len(distances))
        return {"median": float(np.median(distances)), "nearer": rate.as_json()}


def diversity(prompts: Sequence[Prompt], pictures: Sequence[Sequence[Picture]], world: World) -> Diversity:
    """From pictures of several seeds for each prompt; at least two for one of them."""
    rng = np.random.default_rng(SEED)
    seeds = max(len(of_one) for of_one in pictures)
    renders = [[render(another(prompt, world, rng), SIDE) for _ in range(seeds)] for prompt in prompts]
    return Diversity(len(prompts), seeds, _spread(pictures), _spread(renders))


def nearest(prompts: Sequence[Prompt], pictures: Sequence[Picture], world: World, sample: int = TRAINING_SAMPLE) -> Nearest:
    """From a model's pictures of prompts."""
    rng = np.random.default_rng(SEED)
    trained = _vectors([render(sample_scene(rng, "train", world=world), SIDE) for _ in range(sample)])
    renders = [render(prompt.scene, SIDE) for prompt in prompts]
    return Nearest(sample, _to_nearest(_vectors(pictures), trained), _to_nearest(_vectors(renders), trained))


def another(prompt: Prompt, world: World, rng: np.random.Generator) -> Scene:
    """Another scene of one thing that the prompt describes just as well."""
    said, named = prompt.said, prompt.scene.things[0]
    asked = {part: value for part in ("size", "place") if (value := getattr(said, part)) is not None}
    while True:
        drawn = sample_any(rng, world, "one")
        thing = replace(drawn.things[0], kind=named.kind, colour=named.colour)
        scene = replace(drawn, things=(thing,), setting=said.setting or drawn.setting, style=said.style or drawn.style)
        shown = everything(scene)
        if (
            all(getattr(shown, part) == value for part, value in asked.items())
            and (scene.setting, thing.colour) not in UNSEEN_ON
        ):
            return scene


def _spread(pictures: Sequence[Sequence[Picture]]) -> float:
    between = [
        float(np.sqrt(np.square(one - other).mean()))
        for of_one in pictures
        if len(of_one) > 1
        for one, other in combinations(_vectors(of_one), 2)
    ]
    return float(np.mean(between))


def _vectors(pictures: Sequence[Picture]) -> NDArray[np.float32]:
    small = [PillowImage.fromarray(picture).resize((SIDE, SIDE), PillowImage.Resampling.BOX) for picture in pictures]
    return np.stack([np.asarray(picture, np.float32).ravel() / np.float32(255) for picture in small])


def _to_nearest(pictures: NDArray[np.float32], trained: NDArray[np.float32]) -> NDArray[np.float32]:
    squares = (pictures**2).sum(1)[:, None] + (trained**2).sum(1)[None] - 2 * pictures @ trained.T
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squares.min(1), 0) / np.float32(pictures.shape[1]))
    return distances
