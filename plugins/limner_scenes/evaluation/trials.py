"""What a model made of one task: each prompt, seed and picture, what the reader saw, and what was wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner_scenes.evaluation.judging import fault, swapped
from limner_scenes.evaluation.prompts import Prompt, Suite
from limner_scenes.evaluation.rates import Rate
from limner_scenes.evaluation.tasks import Task
from limner_scenes.reader.reading import Reader, Reading
from limner_scenes.statement import Statement

NO_PICTURE = "no picture"
_TOLD_BY = {"counting": "count", "position": "relation", "styles": "style", "settings": "setting"}


class Trial(NamedTuple):
    """One prompt, the picture made for it and its reading, None where none came out; the first fault, None if it is right."""

    prompt: Prompt
    picture: NDArray[np.uint8] | None
    reading: Reading | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """All trials of a task with the prompts of a suite."""

    task: Task
    suite: Suite
    trials: tuple[Trial, ...]

    @property
    def rate(self) -> Rate:
        """How often everything that the task demands was right."""
        return rate_of(self.trials)

    @property
    def faults(self) -> dict[str, int]:
        """How often each fault was the first one found, most frequent first."""
        return dict(Counter(trial.fault for trial in self.trials if trial.fault).most_common())

    @property
    def parts(self) -> dict[str, Rate]:
        """The rate for each number, relation, style or setting, where the task asks for different ones."""
        told_by = _TOLD_BY.get(self.task.name)
        if told_by is None:
            return {}
        asked = sorted({str(getattr(trial.prompt.said, told_by)) for trial in self.trials})
        return {word: rate_of(t for t in self.trials if str(getattr(t.prompt.said, told_by)) == word) for word in asked}

    @property
    def swaps(self) -> Rate | None:
        """How often each of two things had the colour of the other, where the task is about that."""
        if self.task.name != "colour attribution":
            return None
        outcomes = [_is_swapped(trial.reading, trial.prompt.said) for trial in self.trials]
        return Rate(sum(outcomes), len(outcomes))

    def as_json(self) -> dict[str, Any]:
        """The counts and rates as plain data (Any: nested dictionaries of JSON values)."""
        data = {**self.rate.as_json(), "faults": self.faults, "parts": {name: r.as_json() for name, r in self.parts.items()}}
        return data if self.swaps is None else {**data, "attribute swaps": self.swaps.as_json()}


def tried(reader: Reader, task: Task, prompts: Sequence[Prompt], pictures: Sequence[NDArray[np.uint8] | None]) -> list[Trial]:
    """Judge the pictures made for prompts of a task."""
    readings = iter(reader.read([picture for picture in pictures if picture is not None]))
    trials = []
    for prompt, picture in zip(prompts, pictures, strict=True):
        reading = None if picture is None else next(readings)
        wrong = NO_PICTURE if reading is None else fault(reading, prompt.said, task.demands)
        trials.append(Trial(prompt, picture, reading, wrong))
    return trials


def rate_of(trials: Iterable[Trial]) -> Rate:
    """How often trials came out right."""
    outcomes = [trial.fault is None for trial in trials]
    return Rate(sum(outcomes), len(outcomes))


def _is_swapped(reading: Reading | None, said: Statement) -> bool:
    return reading is not None and swapped(reading, said)
