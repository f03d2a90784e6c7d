"""Prompts are fixed, different, and none that training may give; the tasks ask of them what they say."""

from __future__ import annotations

import pytest

from limner_scenes.evaluation.prompts import prompts
from limner_scenes.evaluation.tasks import BY_NAME, TASKS, Task
from limner_scenes.splits import has_held_out_names, held_out, is_held_out
from limner_scenes.worlds import PLAIN, SMALL, WHOLE


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_training_gives_none_of_them(task: Task) -> None:
    asked = prompts(task, "seen", SMALL, 25)
    assert len({prompt.text for prompt in asked}) == 25
    assert all(is_held_out(prompt.text) for prompt in asked)
    assert not any(has_held_out_names(prompt.scene) for prompt in asked)


@pytest.mark.parametrize("task", [task for task in TASKS if task.takes_names], ids=lambda task: task.name)
def test_unseen_ones_name_what_training_never_puts_together(task: Task) -> None:
    for prompt in prompts(task, "unseen", WHOLE, 12):
        together = frozenset(thing.kind for thing in prompt.scene.things)
        assert has_held_out_names(prompt.scene) or together in held_out().together


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    counting = BY_NAME["counting"]
    assert prompts(counting, "seen", SMALL, 10)[:4] == prompts(counting, "seen", SMALL, 4)


def test_a_task_says_what_it_asks_for() -> None:
    assert all(prompt.said.style for prompt in prompts(BY_NAME["styles"], "seen", SMALL, 9))
    assert all(prompt.said.setting for prompt in prompts(BY_NAME["settings"], "seen", SMALL, 9))
    assert all(prompt.said.relation for prompt in prompts(BY_NAME["position"], "seen", SMALL, 9))
    assert {prompt.said.count for prompt in prompts(BY_NAME["counting"], "seen", SMALL, 12)} == {2, 3, 4}
    for prompt in prompts(BY_NAME["colour attribution"], "seen", SMALL, 9):
        (one, first), (other, second) = prompt.said.names
        assert one != other
        assert first != second


def test_a_world_without_the_subject_has_no_such_task() -> None:
    assert {task.name for task in TASKS if not task.fits(PLAIN)} == {"counting", "styles"}
    assert all(task.fits(WHOLE) for task in TASKS)
