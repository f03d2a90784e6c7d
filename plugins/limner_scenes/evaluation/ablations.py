"""What the prior is worth: the paper's three ways to a picture (DALL·E 2, section 5.1), each with another prior."""

from collections.abc import Mapping

from limner_scenes.evaluation.prompts import Prompt, prompts
from limner_scenes.evaluation.tasks import TASKS, Task
from limner_scenes.worlds import World

PRIORS = ("unclip.prior", "unclip.ridge_prior", "unclip.direct_prior")
WAYS: Mapping[str, str | None] = {
    "caption only": "unclip.no_embedding",
    "text embedding as image embedding": "unclip.text_embedding",
    "prior": None,
}


def stand_ins(way: str) -> dict[str, str]:
    """Which step stands in for which, for `App.drawing`."""
    step = WAYS[way]
    return {} if step is None else dict.fromkeys(PRIORS, step)


def ablation_prompts(world: World, n: int) -> list[tuple[Task, Prompt, int]]:
    """The first prompts of GenEval's tasks, taken in turn, each with its seed: those that the tasks themselves begin with."""
    tasks = [task for task in TASKS if task.geneval and task.fits(world)]
    each = [prompts(task, "seen", world, -(-n // len(tasks))) for task in tasks]
    rows = enumerate(zip(*each, strict=False))
    return [(task, prompt, seed) for seed, row in rows for task, prompt in zip(tasks, row, strict=True)][:n]
