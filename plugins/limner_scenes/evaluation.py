"""Counting what a model makes of the suites, and how far the counting itself errs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner_scenes.checker import Verdict, judge
from limner_scenes.checker_errors import CheckerResult, checker_report
from limner_scenes.rates import Rate
from limner_scenes.suites import PROMPTS, SEED, Prompt, suite

Picture = NDArray[np.uint8]
MakeImages = Callable[[list[str], list[int]], Iterable[Picture | None]]
"""Makes one picture for each prompt and seed, in order; None where none came out, which counts as wrong."""

TASKS = ("single", "pair", "relation")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One prompt, the seed and picture made for it, and what the checker says; no verdict without a picture."""

    prompt: Prompt
    seed: int
    picture: Picture | None
    verdict: Verdict | None

    @property
    def right(self) -> bool:
        """Whether everything that was asked for is there."""
        return self.verdict is not None and self.verdict.fault is None


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """All trials of one suite."""

    name: str
    trials: tuple[Trial, ...]

    def tasks(self) -> dict[str, Rate]:
        """How often each task that the suite sets was done."""
        set_here = TASKS[:1] if self.name.startswith("single") else TASKS[1:]
        done = {task: [trial.verdict and getattr(trial.verdict, task) for trial in self.trials] for task in set_here}
        return {task: Rate(sum(map(bool, outcomes)), len(outcomes)) for task, outcomes in done.items()}

    def faults(self) -> dict[str, int]:
        """How often each fault was the first one found, most frequent first."""
        return dict(Counter(_fault(trial) for trial in self.trials if not trial.right).most_common())


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model made of some suites, and how the checker did on renders, which should all be right."""

    suites: tuple[SuiteResult, ...]
    checker: tuple[CheckerResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The counts and rates as plain data (Any: nested dictionaries of JSON values)."""
        return {
            "suites": {result.name: _suite_as_json(result) for result in self.suites},
            "checker": {result.condition: result.as_json() for result in self.checker},
        }


def evaluate(make_images: MakeImages, suites: Sequence[str], *, prompts: int = PROMPTS) -> Evaluation:
    """Have every prompt of the suites made into a picture, with fixed seeds and no selection, and judge each.

    The checker is measured on as many renders as there are prompts in a suite.

    Raises ValueError where `make_images` gives more or fewer pictures than it was asked for.
    """
    results = tuple(_evaluate_suite(make_images, name, prompts) for name in suites)
    return Evaluation(results, checker_report(prompts, SEED))


def _evaluate_suite(make_images: MakeImages, name: str, n: int) -> SuiteResult:
    asked = suite(name, n)
    seeds = list(range(n))
    pictures = make_images([prompt.text for prompt in asked], seeds)
    return SuiteResult(name, tuple(_trials(asked, seeds, pictures)))


def _trials(asked: list[Prompt], seeds: list[int], pictures: Iterable[Picture | None]) -> Iterator[Trial]:
    for prompt, seed, picture in zip(asked, seeds, pictures, strict=True):
        verdict = None if picture is None else judge(picture, prompt.scene)
        yield Trial(prompt, seed, picture, verdict)


def _fault(trial: Trial) -> str:
    return str(trial.verdict.fault) if trial.verdict else "no picture"


def _suite_as_json(result: SuiteResult) -> dict[str, Any]:
    return {
        "prompts": len(result.trials),
        "tasks": {task: rate.as_json() for task, rate in result.tasks().items()},
        "faults": result.faults(),
    }
