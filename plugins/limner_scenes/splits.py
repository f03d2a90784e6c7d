"""What training never sees: some colours on some kinds, some kinds together, and one prompt in ten.

The colours and the kinds stand in `held_out.json`. The prompts are chosen by the hash of what a caption says, not of how it
says it: wordings of the same content fall on the same side. Where two things in a relation or several alike are named in full,
only colours, kinds and the relation or the number count, so `a red ring above a blue square` and `there is a blue square below
a red ring at night` are held out together or not at all; and no scene that shows a held-out combination is drawn for training.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from limner_scenes.scene import Scene
from limner_scenes.statement import Name, Statement, everything
from limner_scenes.wording import read


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is kept from training: (colour, kind) names, pairs of kinds in one picture, and one prompt in so many."""

    names: frozenset[tuple[str, str]]
    together: frozenset[frozenset[str]]
    prompts_one_in: int


@cache
def held_out() -> HeldOut:
    """The split as it stands in the package."""
    data = json.loads(files("limner_scenes").joinpath("held_out.json").read_text("utf-8"))
    return HeldOut(
        frozenset((colour, kind) for colour, kinds in data["names"].items() for kind in kinds),
        frozenset(frozenset((first, second)) for first, seconds in data["together"].items() for second in seconds),
        data["prompts_one_in"],
    )


def has_held_out_names(scene: Scene) -> bool:
    """Whether a thing in the scene has a colour that its kind never has in training."""
    return any(thing.name in held_out().names for thing in scene.things)


def is_held_out(subject: str | Scene) -> bool:
    """Whether a caption, or a scene, is kept from training.

    A caption is if it names what is, or its content hashes into the held-out part; a scene is if it shows such a name, such
    kinds together, or two things or several in a held-out combination.
    """
    if isinstance(subject, str):
        said = read(subject)
        return said is not None and is_kept_back(said)
    said = everything(subject)
    return _named_held_out(said) or (len(subject.things) > 1 and _in_held_out_part(said.content()))


def is_kept_back(said: Statement) -> bool:
    """Whether a statement is kept from training."""
    return _named_held_out(said) or _in_held_out_part(said.content())


def _named_held_out(said: Statement) -> bool:
    return any(name in held_out().names for name in said.names) or _kinds(said.names) in held_out().together


def _kinds(names: tuple[Name, ...]) -> frozenset[str | None]:
    return frozenset(kind for _, kind in names) if len(names) == 2 else frozenset()


def _in_held_out_part(text: str) -> bool:
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % held_out().prompts_one_in == 0
