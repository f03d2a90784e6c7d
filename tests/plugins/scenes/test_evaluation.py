import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from limner_scenes.contact_sheet import contact_sheet
from limner_scenes.evaluation import evaluate
from limner_scenes.render import render
from limner_scenes.scene import Scene
from limner_scenes.suites import SUITES, suite

N = 8
SCENES = {prompt.text: prompt.scene for name in SUITES for prompt in suite(name, N)}


class Renderer:
    """A model that draws what it is asked for, but the first prompt of each suite wrongly and the second not at all."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def __call__(self, prompts: list[str], seeds: list[int]) -> Iterator[NDArray[np.uint8] | None]:
        self.seeds += seeds
        for at, text in enumerate(prompts):
            yield None if at == 1 else render(wrong(SCENES[text]) if at == 0 else SCENES[text], 64)


def wrong(scene: Scene) -> Scene:
    """Two things where one was asked for, or two that have changed places."""
    if scene.relation is None:
        return suite("pair-seen", 1)[0].scene
    first, second = scene.things
    exchanged = replace(first, x=second.x, y=second.y), replace(second, x=first.x, y=first.y)
    return replace(scene, things=exchanged)


def test_each_task_is_counted_and_each_fault_named() -> None:
    evaluation = evaluate(Renderer(), SUITES, prompts=N)
    single, unseen, pair = evaluation.suites
    assert {task: rate.right for task, rate in single.tasks().items()} == {"single": N - 2}
    assert {task: rate.right for task, rate in pair.tasks().items()} == {"pair": N - 1, "relation": N - 2}
    assert unseen.faults() == {"count": 1, "no picture": 1}
    assert pair.faults() == {"relation": 1, "no picture": 1}


def test_every_prompt_gets_one_fixed_seed() -> None:
    model = Renderer()
    evaluate(model, ["single-seen", "pair-seen"], prompts=N)
    assert model.seeds == [*range(N), *range(N)]


def test_the_report_is_plain_data_and_carries_the_checkers_own_rates() -> None:
    report = json.loads(json.dumps(evaluate(Renderer(), ["single-seen"], prompts=N).as_json()))
    single = report["suites"]["single-seen"]["tasks"]["single"]
    assert (single["right"], single["of"]) == (N - 2, N)
    assert 0 < single["low"] < single["share"] < single["high"] < 1
    assert report["checker"]["clean"]["accepted"]["share"] == 1.0
    assert report["checker"]["noise, sigma 10"]["refused"]["colour"]["share"] == 1.0


def test_a_model_that_gives_too_few_pictures_is_not_counted() -> None:
    with pytest.raises(ValueError, match="shorter"):
        evaluate(lambda prompts, seeds: [], ["single-seen"], prompts=N)


def test_the_contact_sheet_shows_every_trial_and_frames_it_by_the_verdict() -> None:
    evaluation = evaluate(Renderer(), ["single-seen", "pair-seen"], prompts=N)
    sheet = np.asarray(contact_sheet(evaluation.suites))
    assert sheet.shape[2] == 3
    assert (sheet == (30, 150, 60)).all(-1).any()
    framed = [sheet[30, at * 140 + 4] for at in range(N)]
    assert [tuple(colour) == (30, 150, 60) for colour in framed] == [False, False] + [True] * (N - 2)
