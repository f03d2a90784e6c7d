"""Captions: the words for a scene, in several wordings, some of which say less than the picture shows."""

from collections.abc import Callable

import numpy as np

from limner_scenes.scene import INVERSE, Scene, Thing
from limner_scenes.splits import is_held_out

_OPENINGS = ("", "", "", "there is ", "a picture of ", "an image of ", "this is ")
_DRAWS = 200


def caption(scene: Scene, rng: np.random.Generator, *, full: bool = False) -> str:
    """Put a scene into words for training.

    A caption whose content is held out is never given for a scene that is not. With `full`, every thing is named by
    colour and shape, and two things by their relation; without, one caption in eight leaves some of that out.
    """
    return _draw(scene, rng, lambda text: is_held_out(scene) or not is_held_out(text), full=full)


def prompt(scene: Scene, rng: np.random.Generator) -> str:
    """Put a scene into words for evaluation: fully named, and never a caption that training may give.

    Raises LookupError where every wording of this scene is one that training may give.
    """
    return _draw(scene, rng, is_held_out, full=True)


def _draw(scene: Scene, rng: np.random.Generator, wanted: Callable[[str], bool], *, full: bool) -> str:
    for _ in range(_DRAWS):
        text = _wording(scene, rng, full=full)
        if wanted(text):
            return text
    raise LookupError(f"no wording of {scene} falls on the wanted side of the split")


def _wording(scene: Scene, rng: np.random.Generator, *, full: bool) -> str:
    partial = not full and rng.random() < 0.125
    what = _one(scene.things[0], rng, partial) if len(scene.things) == 1 else _two(scene, rng, partial)
    if rng.random() < 0.6:
        opening = _OPENINGS[rng.integers(len(_OPENINGS))]
        return opening + what
    where = f"on {_article(scene.background)} background"
    return f"{where}, {what}" if rng.random() < 0.3 else f"{what} {where}"


def _one(thing: Thing, rng: np.random.Generator, partial: bool) -> str:
    name = _partial_name(thing, rng) if partial else f"{thing.colour} {thing.shape}"
    sized = f"{thing.size} {name}" if rng.random() < 0.5 else name
    return _article(sized) + (_in_place(thing.place) if thing.place and rng.random() < 0.7 else "")


def _two(scene: Scene, rng: np.random.Generator, partial: bool) -> str:
    first, second = scene.things
    relation = scene.relation or ""
    if rng.random() < 0.5:
        first, second, relation = second, first, INVERSE[relation]
    names = [_article(f"{thing.colour} {thing.shape}") for thing in (first, second)]
    if partial:
        return " and ".join(names)
    between = f"to the {relation}" if relation.endswith(" of") and rng.random() < 0.5 else relation
    return f"{names[0]} {between} {names[1]}"


def _partial_name(thing: Thing, rng: np.random.Generator) -> str:
    return thing.shape if rng.random() < 0.5 else f"{thing.colour} shape"


def _in_place(place: str) -> str:
    return f" in the {place}" if " " in place else f" at the {place}"


def _article(name: str) -> str:
    return f"an {name}" if name.startswith("orange") else f"a {name}"
