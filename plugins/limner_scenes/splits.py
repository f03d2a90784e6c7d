"""What training never sees: some pairs of colour and shape, and one prompt in ten.

The pairs stand in `held_out.json`. The prompts are chosen by the hash of what a caption says, not of how it says it:
wordings of the same content fall on the same side. For two things in a relation only their colours, shapes and the
relation count, so `a red ring above a blue square` and `there is a blue square below a red ring on a grey background`
are held out together or not at all; and no scene that shows a held-out combination is drawn for training.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from limner_scenes.scene import BACKGROUNDS, COLOURS, INVERSE, RELATIONS, SHAPES, SIZES, Scene


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The (colour, shape) pairs kept from training, and how many prompts share one that is kept from it."""

    pairs: frozenset[tuple[str, str]]
    prompts_one_in: int


@cache
def held_out() -> HeldOut:
    """The split as it stands in the package."""
    data = json.loads(files("limner_scenes").joinpath("held_out.json").read_text("utf-8"))
    return HeldOut(frozenset((colour, shape) for colour, shape in data["pairs"]), data["prompts_one_in"])


def has_held_out_pair(scene: Scene) -> bool:
    """Whether a thing in the scene wears a colour that its shape never has in training."""
    return any((thing.colour, thing.shape) in held_out().pairs for thing in scene.things)


def is_held_out(subject: str | Scene) -> bool:
    """Whether a caption, or a scene, is kept from training.

    A caption is if it names a held-out pair or its content hashes into the held-out part; a scene is if it shows such
    a pair, or two things in a held-out combination.
    """
    if isinstance(subject, str):
        return _names_held_out_pair(subject) or _in_held_out_part(content(subject))
    return has_held_out_pair(subject) or (subject.relation is not None and _in_held_out_part(_scene_content(subject)))


def content(caption: str) -> str:
    """What a caption says, whatever its wording; captions with the same content are held out together."""
    plain = _plain(caption)
    relation = _RELATION.search(plain)
    named = _NAMED.findall(plain)
    if relation and len(named) == 2:
        return _combination(named[0], relation[0], named[1])
    return " ".join(sorted(word for word in _BACKGROUND.sub(_one_word, plain).split() if word in _CONTENT_WORDS))


_NAMED = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})\b")
_RELATION = re.compile(rf"\b({'|'.join(RELATIONS)})\b")
_BACKGROUND = re.compile(rf"\b({'|'.join(BACKGROUNDS)}) background\b")
_BACKGROUND_WORDS = [f"{background.replace(' ', '-')}-background" for background in BACKGROUNDS]
_PLACE_WORDS = ("top", "bottom", "left", "right", "above", "below")
_CONTENT_WORDS = frozenset([*SHAPES, "shape", *COLOURS, *SIZES, *_PLACE_WORDS, *_BACKGROUND_WORDS])


def _plain(caption: str) -> str:
    return " ".join(re.sub(r"[^a-z ]", " ", caption.lower()).split())


def _names_held_out_pair(caption: str) -> bool:
    return any(pair in held_out().pairs for pair in _NAMED.findall(_plain(caption)))


def _one_word(match: re.Match[str]) -> str:
    return match[0].replace(" ", "-")


def _scene_content(scene: Scene) -> str:
    first, second = scene.things
    return _combination((first.colour, first.shape), scene.relation or "", (second.colour, second.shape))


def _combination(first: tuple[str, str], relation: str, second: tuple[str, str]) -> str:
    if relation in ("right of", "below"):
        first, relation, second = second, INVERSE[relation], first
    return " ".join((*first, relation, *second))


def _in_held_out_part(text: str) -> bool:
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % held_out().prompts_one_in == 0
