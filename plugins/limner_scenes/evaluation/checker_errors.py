"""How far the checker itself errs, on pictures whose truth is known: renders of the held-out prompts.

For each task: how often it accepts the true caption, and how often it refuses one that is false in one respect; on renders as
they are, blurred, and with noise. And how often it refuses a render in which a thing has become a blob, a chimera or half of
itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from limner_scenes.evaluation.judging import fault
from limner_scenes.evaluation.prompts import SEED, SUITES, Prompt, prompts
from limner_scenes.evaluation.rates import Rate
from limner_scenes.evaluation.swaps import swaps
from limner_scenes.evaluation.tasks import BY_NAME, Task
from limner_scenes.reader.reading import Reader
from limner_scenes.reader.samples import with_impostor
from limner_scenes.render import render
from limner_scenes.worlds import World

Picture = NDArray[np.uint8]
Spoil = Callable[[Picture, np.random.Generator], Picture]
SIDE = 128


@dataclass(frozen=True, slots=True)
class CheckerResult:
    """Of one task and one condition: true captions accepted, false ones refused, altogether and by what was swapped."""

    task: str
    condition: str
    accepted: Rate
    refused: Rate
    by_swap: dict[str, Rate]

    def as_json(self) -> dict[str, Any]:
        """The rates as plain data (Any: nested dictionaries of JSON values)."""
        return {
            "accepted": self.accepted.as_json(),
            "refused": self.refused.as_json(),
            "refused, by what was swapped": {name: rate.as_json() for name, rate in self.by_swap.items()},
        }


def checker_errors(reader: Reader, task: Task, world: World, n: int) -> list[CheckerResult]:
    """Measure the checker on renders of n prompts of a task, of the suites that it has, in every condition."""
    suites = SUITES if task.takes_names else SUITES[:1]
    asked = [prompt for suite in suites for prompt in prompts(task, suite, world, -(-n // len(suites)))][:n]
    renders = [render(prompt.scene, SIDE) for prompt in asked]
    return [_check(reader, task, world, asked, renders, condition) for condition in CONDITIONS]


def impostors_refused(reader: Reader, world: World, n: int) -> Rate:
    """How often the checker refuses a render of one thing that has become an impostor."""
    rng = np.random.default_rng(SEED)
    task = BY_NAME["colours"]
    asked = prompts(task, "seen", world, n)
    readings = reader.read([with_impostor(prompt.scene, world, rng).picture for prompt in asked])
    refused = [fault(reading, prompt.said, task.demands) is not None for reading, prompt in zip(readings, asked, strict=True)]
    return Rate(sum(refused), len(refused))


def _check(
    reader: Reader, task: Task, world: World, asked: Sequence[Prompt], renders: Sequence[Picture], condition: str
) -> CheckerResult:
    rng = np.random.default_rng(SEED)
    readings = reader.read([CONDITIONS[condition](picture, rng) for picture in renders])
    accepted = 0
    refused: dict[str, list[bool]] = {}
    for prompt, reading in zip(asked, readings, strict=True):
        accepted += fault(reading, prompt.said, task.demands) is None
        for name, false in swaps(prompt.said, task, world, rng):
            refused.setdefault(name, []).append(fault(reading, false, task.demands) is not None)
    by_swap = {name: Rate(sum(outcomes), len(outcomes)) for name, outcomes in refused.items()}
    together = Rate(sum(rate.right for rate in by_swap.values()), sum(rate.of for rate in by_swap.values()))
    return CheckerResult(task.name, condition, Rate(accepted, len(asked)), together, by_swap)


def _clean(picture: Picture, _: np.random.Generator) -> Picture:
    return picture


def _blurred(picture: Picture, _: np.random.Generator) -> Picture:
    return np.asarray(PillowImage.fromarray(picture).filter(ImageFilter.GaussianBlur(1.5)))


def _noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.clip(picture + rng.normal(0, 16, picture.shape), 0, 255).astype(np.uint8)


CONDITIONS: dict[str, Spoil] = {"clean": _clean, "blur, sigma 1.5 px": _blurred, "noise, sigma 16": _noisy}
