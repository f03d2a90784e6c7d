"""Concepts after Bongard's problems: two sides that differ in one idea, whatever things they show it with.

A prompt asks for one side; a picture is on it, or not, by the idea alone. Which things are there, and in which colours, does
not count here: the tasks ask for that.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np

from limner_scenes.evaluation.prompts import SEED, TRIES, Prompt, is_unseen
from limner_scenes.evaluation.relations import gap, inside
from limner_scenes.reader.reading import ReadThing
from limner_scenes.sampling import Layout, sample_any
from limner_scenes.scene import Scene
from limner_scenes.splits import is_kept_back
from limner_scenes.statement import everything
from limner_scenes.wording import worded
from limner_scenes.worlds import World

Things = tuple[ReadThing, ...]
DIRECTIONS = frozenset({"left of", "right of", "above", "below"})
CONTACTS = frozenset({"on", "riding", "holding"})
TOUCHING = 0.04
"""Two boxes no further apart than this touch."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a concept: the scenes that show it, and whether a picture does. Its prompts leave out `unsaid` parts."""

    name: str
    layout: Layout
    shows: Callable[[Scene], bool]
    is_on: Callable[[Things], bool]
    unsaid: tuple[str, ...] = ()

    def fits(self, world: World) -> bool:
        """Whether scenes of the world can show it."""
        rng = np.random.default_rng(SEED)
        if self.layout == "several" and max(world.counts) == 1:
            return False
        return any(self.shows(sample_any(rng, world, self.layout)) for _ in range(400))


@dataclass(frozen=True, slots=True)
class Concept:
    """An idea and its sides."""

    name: str
    sides: tuple[Side, ...]

    @cache  # noqa: B019  concepts are few and never go
    def prompts(self, world: World, n: int) -> tuple[tuple[Side, Prompt], ...]:
        """About so many different prompts, as many for each side; none where the world cannot show every side."""
        if not all(side.fits(world) for side in self.sides):
            return ()
        rng = np.random.default_rng([SEED, CONCEPTS.index(self)])
        each = [_prompts(side, world, -(-n // len(self.sides)), rng) for side in self.sides]
        return tuple((side, prompt) for side, prompts in zip(self.sides, each, strict=True) for prompt in prompts)


def _prompts(side: Side, world: World, n: int, rng: np.random.Generator) -> list[Prompt]:
    found: dict[str, Prompt] = {}
    for _ in range(TRIES * n):
        if len(found) == n:
            break
        prompt = _prompt(side, world, rng)
        if prompt is not None:
            found.setdefault(prompt.text, prompt)
    return list(found.values())


def _prompt(side: Side, world: World, rng: np.random.Generator) -> Prompt | None:
    """A prompt for a side; None where the scene drawn does not show it, or training may give the prompt."""
    scene = sample_any(rng, world, side.layout)
    if not side.shows(scene) or is_unseen(scene):
        return None
    around = [part for part in ("setting", "style") if rng.random() < 0.5]
    said = replace(everything(scene), **dict.fromkeys((*side.unsaid, "size", "place", *around)))  # type: ignore[arg-type]  # None is a value of each
    return Prompt(worded(said, rng), said, scene) if is_kept_back(said) else None


def _alike(things: Things) -> bool:
    return len(things) > 1 and None not in _name(things[0]) and len({_name(thing) for thing in things}) == 1


def _unlike(things: Things) -> bool:
    pairs = combinations(things, 2)
    return len(things) > 1 and all(one.kind != other.kind and one.colour != other.colour for one, other in pairs)


def _name(thing: ReadThing) -> tuple[str | None, str | None]:
    return thing.colour, thing.kind


def _differs(scene: Scene) -> bool:
    first, second = scene.things
    return first.kind != second.kind and first.colour != second.colour


def _one_inside(things: Things) -> bool:
    return len(things) == 2 and (inside(*things) or inside(*things[::-1]))


def _apart(things: Things) -> bool:
    return len(things) == 2 and gap(*things) > TOUCHING


def _touching(things: Things) -> bool:
    return len(things) == 2 and gap(*things) <= TOUCHING


def _number(count: int) -> Side:
    return Side(str(count), "several", lambda scene: len(scene.things) == count, lambda things: len(things) == count)


def _of_kind(name: str, kind: str) -> Side:
    return Side(
        name, "one", lambda scene: scene.things[0].kind == kind, lambda things: [thing.kind for thing in things] == [kind]
    )


CONCEPTS = (
    Concept(
        "sameness",
        (
            Side("same", "several", lambda scene: len(scene.things) == 2, _alike),
            Side("different", "two", _differs, _unlike, ("relation",)),
        ),
    ),
    Concept("numerosity", (_number(2), _number(3), _number(4))),
    Concept(
        "inside and outside",
        (
            Side("inside", "two", lambda scene: scene.relation == "inside", _one_inside),
            Side("outside", "two", lambda scene: scene.relation in DIRECTIONS, _apart),
        ),
    ),
    Concept(
        "adjacency",
        (
            Side("touching", "two", lambda scene: scene.relation in CONTACTS, _touching),
            Side("apart", "two", lambda scene: scene.relation in DIRECTIONS, _apart),
        ),
    ),
    Concept("open and closed", (_of_kind("closed", "ring"), _of_kind("open", "moon"))),
)
