"""The prompts a model is judged by: fixed, named in full, and none that training may give."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from limner_scenes.captions import prompt
from limner_scenes.sampling import Layout, Split, sample_scene
from limner_scenes.scene import Scene
from limner_scenes.worlds import PLAIN

PROMPTS = 200
SEED = 20220413
"""The seed of the suites as they are reported; another gives other prompts of the same kind."""


class Prompt(NamedTuple):
    """What is asked for, in words and as a scene; where and how large its things are is the model's choice."""

    text: str
    scene: Scene


@dataclass(frozen=True, slots=True)
class _Kind:
    split: Split
    layout: Layout


_KINDS: dict[str, _Kind] = {
    "single-seen": _Kind("seen", "one"),
    "single-unseen": _Kind("unseen", "one"),
    "pair-seen": _Kind("seen", "two"),
}
SUITES = tuple(_KINDS)


def suite(name: str, n: int = PROMPTS, seed: int = SEED) -> list[Prompt]:
    """Draw n different prompts of a suite; the same for the same n and seed, and the first n of any longer draw.

    `single-seen` asks for one thing whose colour and shape were trained together, `single-unseen` for one whose were
    not, `pair-seen` for two trained things in a combination that was not. Raises ValueError for any other name.
    """
    if name not in _KINDS:
        raise ValueError(f"unknown suite {name!r}; known are {', '.join(SUITES)}")
    kind = _KINDS[name]
    rng = np.random.default_rng([seed, SUITES.index(name)])
    found: dict[str, Prompt] = {}
    while len(found) < n:
        scene = sample_scene(rng, kind.split, world=PLAIN, layout=kind.layout)
        text = _worded(scene, rng)
        if text:
            found.setdefault(text, Prompt(text, scene))
    return list(found.values())


def _worded(scene: Scene, rng: np.random.Generator) -> str | None:
    try:
        return prompt(scene, rng)
    except LookupError:
        return None
