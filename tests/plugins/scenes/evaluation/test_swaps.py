"""Each false statement differs from the true one in what its task demands, and in nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from limner_scenes.evaluation.judging import fault
from limner_scenes.evaluation.prompts import prompts
from limner_scenes.evaluation.swaps import swaps
from limner_scenes.evaluation.tasks import TASKS, Task
from limner_scenes.reader.reading import Reading, ReadThing
from limner_scenes.scene import Scene
from limner_scenes.worlds import SMALL

KINDS_OF_SWAP = {
    "single object": {"kind"},
    "two objects": {"kind"},
    "counting": {"kind", "number"},
    "colours": {"kind", "colour"},
    "position": {"kind", "relation"},
    "colour attribution": {"kind", "colour", "binding"},
    "styles": {"kind", "style"},
    "settings": {"kind", "setting"},
}


def truth(scene: Scene) -> Reading:
    things = [ReadThing(thing.kind, thing.colour, thing.x, thing.y, thing.scale) for thing in scene.things]
    return Reading(tuple(things), scene.style, scene.setting)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_truth_is_accepted_and_every_swap_refused(task: Task) -> None:
    rng = np.random.default_rng(0)
    for prompt in prompts(task, "seen", SMALL, 10):
        assert fault(truth(prompt.scene), prompt.said, task.demands) is None
        false = dict(swaps(prompt.said, task, SMALL, rng))
        assert false.keys() == KINDS_OF_SWAP[task.name]
        for swap, said in false.items():
            assert fault(truth(prompt.scene), said, task.demands) is not None, (swap, prompt)
