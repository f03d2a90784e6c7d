"""Captions: the words for a scene, in several wordings, some of which say less than the picture shows."""

from dataclasses import replace

import numpy as np

from limner_scenes.scene import GROUNDS, Scene
from limner_scenes.splits import is_held_out, is_kept_back
from limner_scenes.statement import Name, Statement, everything
from limner_scenes.wording import worded

_DRAWS = 200
LESS = 0.3
"""How often a caption that need not be full names less than colour and kind of everything."""


def caption(scene: Scene, rng: np.random.Generator, *, full: bool = False) -> str:
    """Put a scene into words for training.

    A caption whose content is held out is never given for a scene that is not. With `full`, every thing is named by colour and
    kind, and two things by their relation. Raises LookupError where the split leaves the scene no caption.
    """
    return worded(statement(scene, rng, full=full), rng)


def statement(scene: Scene, rng: np.random.Generator, *, full: bool = False) -> Statement:
    """What a caption for training says, by the rules of `caption`."""
    return _draw(scene, rng, full=full, sides=(False, True) if is_held_out(scene) else (False,))


def prompt(scene: Scene, rng: np.random.Generator) -> str:
    """Put a scene into words for evaluation: fully named, and never a caption that training may give.

    Raises LookupError where every wording of this scene is one that training may give.
    """
    return worded(_draw(scene, rng, full=True, sides=(True,)), rng)


def _draw(scene: Scene, rng: np.random.Generator, *, full: bool, sides: tuple[bool, ...]) -> Statement:
    """Something to say of the scene that training is kept from, or is not."""
    for _ in range(_DRAWS):
        said = _some(everything(scene), rng, full=full)
        if is_kept_back(said) in sides:
            return said
    raise LookupError(f"nothing that can be said of {scene} falls on the wanted side of the split")


def _some(said: Statement, rng: np.random.Generator, *, full: bool) -> Statement:
    """A part of all that can be said: what is out of the ordinary is seldom left out."""
    shares = {
        "size": 0.35,
        "place": 0.6,
        "setting": 0.3 if said.setting in GROUNDS else 0.85,
        "style": 0.12 if said.style == "flat" else 0.9,
    }
    left_out = {part: None for part, share in shares.items() if rng.random() >= share}
    said = replace(said, **left_out)  # type: ignore[arg-type]  # None is a value of each of these
    return said if full or rng.random() >= LESS else _less(said, rng)


def _less(said: Statement, rng: np.random.Generator) -> Statement:
    drawn = rng.random()
    if drawn < 0.6 and len(said.names) == 2:
        return replace(said, relation=None)
    if drawn < 0.4 and len(said.names) == 1:
        return replace(said, names=((said.names[0][0], None),))
    kinds: tuple[Name, ...] = tuple((None, kind) for _, kind in said.names)
    return replace(said, names=kinds)
