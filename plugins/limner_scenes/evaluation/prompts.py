"""Prompts that training never saw: fixed, drawn from the held-out part of the world alone, and the first of any longer draw."""

from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from limner_scenes.evaluation.tasks import TASKS, Task
from limner_scenes.sampling import UNSEEN_ON, sample_any
from limner_scenes.scene import Scene
from limner_scenes.splits import has_held_out_names, held_out, is_kept_back
from limner_scenes.statement import Statement, everything
from limner_scenes.wording import worded
from limner_scenes.worlds import World

Suite = Literal["seen", "unseen"]
SUITES: tuple[Suite, ...] = ("seen", "unseen")
SEED = 20220413
TRIES = 400
"""How many scenes are drawn for each prompt wanted before there are taken to be no more."""
ASIDE = {"size": 0.3, "place": 0.3, "setting": 0.4, "style": 0.3}
"""How often a prompt says what its task does not ask about."""


class Prompt(NamedTuple):
    """What is asked for, in words and as a statement; a scene that shows it, for the checker to be tested on."""

    text: str
    said: Statement
    scene: Scene


@cache
def prompts(task: Task, suite: Suite, world: World, n: int) -> tuple[Prompt, ...]:
    """Draw n different prompts of a task.

    `seen` names colours on kinds, and kinds together, that training shows, in prompts that it does not give; `unseen` names a
    colour on a kind, or two kinds together, that it never shows. A small world may have fewer.
    """
    rng = np.random.default_rng([SEED, TASKS.index(task), SUITES.index(suite)])
    found: dict[str, Prompt] = {}
    for _ in range(TRIES * n):
        if len(found) == n:
            break
        prompt = drawn(task, suite, world, rng)
        if prompt is not None:
            found.setdefault(prompt.text, prompt)
    return tuple(found.values())


def drawn(task: Task, suite: Suite, world: World, rng: np.random.Generator) -> Prompt | None:
    """Draw a prompt; None where what was drawn does not belong to the suite."""
    scene = _varied(sample_any(rng, world, task.layout), task, world, rng)
    said = _said(scene, task, rng)
    if is_unseen(scene) != (suite == "unseen") or not is_kept_back(said) or not _fair(scene, task):
        return None
    return Prompt(worded(said, rng), said, scene)


def _varied(scene: Scene, task: Task, world: World, rng: np.random.Generator) -> Scene:
    """Styles and settings are asked for equally often, however often the world shows them."""
    if "style" in task.says:
        return replace(scene, style=world.styles[rng.integers(len(world.styles))])
    if "setting" in task.says:
        return replace(scene, setting=world.settings[rng.integers(len(world.settings))])
    return scene


def _said(scene: Scene, task: Task, rng: np.random.Generator) -> Statement:
    said = everything(scene)
    unsaid = {part for part, share in ASIDE.items() if rng.random() >= share} - task.says
    if task.layout == "two" and "relation" not in task.says:
        unsaid.add("relation")
    return replace(said, **dict.fromkeys(unsaid))  # type: ignore[arg-type]  # None is a value of each of these


def is_unseen(scene: Scene) -> bool:
    """Whether training never shows a colour on its kind here, or never these kinds in one picture."""
    return has_held_out_names(scene) or frozenset(thing.kind for thing in scene.things) in held_out().together


def _fair(scene: Scene, task: Task) -> bool:
    """Whether everything in the scene can be seen, and whether there is something to confuse where that is the task."""
    if any((scene.setting, thing.colour) in UNSEEN_ON for thing in scene.things):
        return False
    return task.name != "colour attribution" or all(len(set(parts)) == 2 for parts in zip(*_names(scene), strict=True))


def _names(scene: Scene) -> list[tuple[str, str]]:
    return [thing.name for thing in scene.things]
