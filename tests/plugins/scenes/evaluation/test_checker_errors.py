"""The checker's own two errors, on renders whose truth is known."""

from __future__ import annotations

import pytest

from limner_scenes.evaluation.checker_errors import CONDITIONS, checker_errors, impostors_refused
from limner_scenes.evaluation.tasks import TASKS, Task
from limner_scenes.reader.reading import Reader
from limner_scenes.worlds import SMALL

N = 50


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_true_captions_are_accepted_and_false_ones_refused(task: Task, reader: Reader) -> None:
    found = checker_errors(reader, task, SMALL, N)
    assert [result.condition for result in found] == list(CONDITIONS)
    for result in found:
        assert result.accepted.of == N
        assert result.accepted.share >= 0.98
        assert result.refused.of >= N
        assert result.refused.share >= 0.98


def test_what_a_person_would_not_accept_is_refused(reader: Reader) -> None:
    assert impostors_refused(reader, SMALL, 60).share >= 0.9
