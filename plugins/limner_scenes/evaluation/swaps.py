"""Statements that are false in one respect: what the checker has to refuse for a picture of the true one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from limner_scenes.evaluation.tasks import Task
from limner_scenes.statement import Name, Statement
from limner_scenes.worlds import World

Word = TypeVar("Word", str, int)


def swaps(said: Statement, task: Task, world: World, rng: np.random.Generator) -> Iterator[tuple[str, Statement]]:
    """Give each false statement, one of a kind, that a task must tell from the true one."""
    yield "kind", replace(said, names=_renamed(said.names, world, rng, part=1))
    if task.layout == "several":
        yield "number", replace(said, count=_another(world.counts, said.count, rng))
    if "names" in task.demands:
        yield "colour", replace(said, names=_renamed(said.names, world, rng, part=0))
        if len(said.names) == 2:
            (one, first), (other, second) = said.names
            yield "binding", replace(said, names=((other, first), (one, second)))
    if "relation" in task.demands:
        yield "relation", replace(said, names=said.names[::-1])
    if "style" in task.demands and said.style:
        yield "style", replace(said, style=_another(world.styles, said.style, rng))
    if "setting" in task.demands and said.setting:
        yield "setting", replace(said, setting=_another(world.settings, said.setting, rng))


def _renamed(names: tuple[Name, ...], world: World, rng: np.random.Generator, *, part: int) -> tuple[Name, ...]:
    """The names with one colour (part 0) or kind (part 1) changed."""
    at = int(rng.integers(len(names)))
    words = (world.colours, world.kinds)[part]
    changed = list(names[at])
    changed[part] = _another(words, names[at][part] or "", rng)
    return (*names[:at], (changed[0], changed[1]), *names[at + 1 :])


def _another(words: tuple[Word, ...], word: Word, rng: np.random.Generator) -> Word:
    others = [other for other in words if other != word]
    return others[rng.integers(len(others))]
