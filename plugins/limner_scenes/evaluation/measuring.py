"""An evaluation from beginning to end: which pictures it wants, what they show, and what the checker itself is worth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from limner_scenes.evaluation.ablations import WAYS, ablation_prompts, stand_ins
from limner_scenes.evaluation.checker_errors import CheckerResult, checker_errors, impostors_refused
from limner_scenes.evaluation.concept_results import ConceptResult, concept_result
from limner_scenes.evaluation.concepts import CONCEPTS
from limner_scenes.evaluation.distances import Diversity, Nearest, diversity, nearest
from limner_scenes.evaluation.drawings import Artist, Drawings
from limner_scenes.evaluation.prompts import SUITES, Prompt, Suite, prompts
from limner_scenes.evaluation.rates import Rate
from limner_scenes.evaluation.tasks import BY_NAME, TASKS, Task
from limner_scenes.evaluation.trials import TaskResult, rate_of, tried
from limner_scenes.reader.reading import Reader
from limner_scenes.worlds import World

Picture = NDArray[np.uint8]
OTHER_PARTS = ("concepts", "diversity", "nearest", "ablations")
PARTS = (*(task.name for task in TASKS), *OTHER_PARTS)
SEED_STEP = 1000
"""Prompt i is drawn with seed i, and with i + 1000, i + 2000, … where several seeds are wanted."""
DIVERSITY = (10, 4)
"""Prompts and seeds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of an evaluation is wanted. `parts` are of PARTS; what is not a task is measured on seen prompts alone."""

    world: World
    suites: tuple[Suite, ...] = SUITES
    parts: tuple[str, ...] = PARTS
    prompts: int = 100
    seeds: int = 1
    ablation_prompts: int = 50
    concept_prompts: int = 20

    @property
    def tasks(self) -> list[tuple[Task, Suite]]:
        """The tasks that the world can set, with each suite that is wanted."""
        fitting = [task for task in TASKS if task.name in self.parts and task.fits(self.world)]
        return [(task, suite) for suite in self.suites for task in fitting if task.takes_names or suite == "seen"]

    def has(self, part: str) -> bool:
        """Whether a part beside the tasks is wanted."""
        return part in self.parts and "seen" in self.suites


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured; a part that was not is empty or None. `seconds` is the median time of an image."""

    world: str
    tasks: tuple[TaskResult, ...]
    checker: tuple[CheckerResult, ...]
    impostors_refused: Rate | None
    concepts: tuple[ConceptResult, ...]
    diversity: Diversity | None
    nearest: Nearest | None
    ablations: dict[str, Rate]
    seconds: float | None

    def score(self, suite: Suite) -> float | None:
        """GenEval's score: the mean of its tasks, as many as there are."""
        shares = [result.rate.share for result in self.tasks if result.suite == suite and result.task.geneval]
        return sum(shares) / len(shares) if shares else None


@dataclass(slots=True)
class Evaluator:
    """Makes an evaluation. `artist` gives what draws, with stand-ins for some steps; `on_drawn` is told of each new picture."""

    wanted: Wanted
    drawings: Drawings
    artist: Callable[[Mapping[str, str]], Artist]
    reader: Reader
    on_drawn: Callable[[], object] = lambda: None
    _seconds: list[float] = field(default_factory=list)

    def missing(self) -> int:
        """How many pictures are still to be drawn."""
        wanted: dict[str, list[tuple[str, int]]] = {}
        for way, asked in self._all_prompts():
            wanted.setdefault(way, []).extend(asked)
        return sum(self.drawings.missing(self._artist(way), asked) for way, asked in wanted.items())

    def run(self) -> Evaluation:
        """Draw what is missing, and judge everything."""
        wanted = self.wanted
        results = tuple(self._task(task, suite) for task, suite in wanted.tasks)
        return Evaluation(
            world=wanted.world.name,
            tasks=results,
            checker=tuple(self._checker()),
            impostors_refused=impostors_refused(self.reader, wanted.world, wanted.prompts) if results else None,
            concepts=tuple(self._concepts()) if wanted.has("concepts") else (),
            diversity=self._diversity() if wanted.has("diversity") else None,
            nearest=self._nearest(results) if wanted.has("nearest") else None,
            ablations=self._ablations() if wanted.has("ablations") else {},
            seconds=median(self._seconds) if self._seconds else None,
        )

    def _all_prompts(self) -> Iterator[tuple[str, list[tuple[str, int]]]]:
        wanted = self.wanted
        for task, suite in wanted.tasks:
            yield "prior", _seeded(self._prompts(task, suite), wanted.seeds)
        if wanted.has("concepts"):
            for concept in CONCEPTS:
                yield "prior", _seeded([p for _, p in concept.prompts(wanted.world, wanted.concept_prompts)], 1)
        if wanted.has("diversity"):
            yield "prior", _seeded(self._diverse(), DIVERSITY[1])
        if wanted.has("ablations"):
            asked = self._ablated()
            yield from ((way, [(prompt.text, seed) for _, prompt, seed in asked]) for way in WAYS)

    def _task(self, task: Task, suite: Suite) -> TaskResult:
        asked = self._prompts(task, suite)
        pictures = self._draw(_seeded(asked, self.wanted.seeds))
        return TaskResult(task, suite, tuple(tried(self.reader, task, asked * self.wanted.seeds, pictures)))

    def _checker(self) -> Iterator[CheckerResult]:
        for task in dict.fromkeys(task for task, _ in self.wanted.tasks):
            yield from checker_errors(self.reader, task, self.wanted.world, self.wanted.prompts)

    def _concepts(self) -> Iterator[ConceptResult]:
        for concept in CONCEPTS:
            asked = concept.prompts(self.wanted.world, self.wanted.concept_prompts)
            if asked:
                pictures = self._draw(_seeded([prompt for _, prompt in asked], 1))
                yield concept_result(concept, asked, pictures, self.reader)

    def _diversity(self) -> Diversity:
        asked = self._diverse()
        pictures = self._draw(_seeded(asked, DIVERSITY[1]))
        of_each = [[each for each in pictures[at :: len(asked)] if each is not None] for at in range(len(asked))]
        return diversity(asked, of_each, self.wanted.world)

    def _nearest(self, results: Sequence[TaskResult]) -> Nearest | None:
        trials = [trial for result in results for trial in result.trials if result.suite == "seen"]
        shown = [(trial.prompt, trial.picture) for trial in trials if trial.picture is not None]
        if not shown:
            return None
        return nearest([prompt for prompt, _ in shown], [picture for _, picture in shown], self.wanted.world)

    def _ablations(self) -> dict[str, Rate]:
        asked = self._ablated()
        rates = {}
        for way in WAYS:
            pictures = self._draw([(prompt.text, seed) for _, prompt, seed in asked], way)
            judged = zip(asked, pictures, strict=True)
            trials = [tried(self.reader, task, [prompt], [picture])[0] for (task, prompt, _), picture in judged]
            rates[way] = rate_of(trials)
        return rates

    def _ablated(self) -> list[tuple[Task, Prompt, int]]:
        return ablation_prompts(self.wanted.world, self.wanted.ablation_prompts)

    def _prompts(self, task: Task, suite: Suite) -> tuple[Prompt, ...]:
        return prompts(task, suite, self.wanted.world, self.wanted.prompts)

    def _diverse(self) -> tuple[Prompt, ...]:
        return prompts(BY_NAME["colours"], "seen", self.wanted.world, DIVERSITY[0])

    def _artist(self, way: str) -> Artist:
        return self.artist(stand_ins(way))

    def _draw(self, asked: Sequence[tuple[str, int]], way: str = "prior") -> list[Picture | None]:
        drawn = list(self.drawings.draw(self._artist(way), asked, self.on_drawn))
        if way == "prior":
            self._seconds += [each.seconds for each in drawn]
        return [each.picture for each in drawn]


def _seeded(asked: Sequence[Prompt], seeds: int) -> list[tuple[str, int]]:
    """Every prompt with its seed; then again with the next, as often as there are seeds."""
    return [(prompt.text, at + SEED_STEP * turn) for turn in range(seeds) for at, prompt in enumerate(asked)]
