import numpy as np

from limner_scenes.evaluation.contact_sheet import COLUMNS, contact_sheet
from limner_scenes.evaluation.prompts import prompts
from limner_scenes.evaluation.tasks import BY_NAME
from limner_scenes.evaluation.trials import TaskResult, Trial
from limner_scenes.render import render
from limner_scenes.worlds import SMALL

RIGHT, WRONG = (30, 150, 60), (214, 30, 38)


def test_the_sheet_shows_every_trial_and_frames_it_by_the_verdict() -> None:
    task = BY_NAME["colours"]
    asked = prompts(task, "seen", SMALL, COLUMNS + 2)
    pictures = [None, *(render(prompt.scene, 64) for prompt in asked[1:])]
    faults = ["no picture", "colour", *[None] * COLUMNS]
    trials = [Trial(prompt, picture, None, fault) for prompt, picture, fault in zip(asked, pictures, faults, strict=True)]
    result = TaskResult(task, "seen", tuple(trials))
    sheet = np.asarray(contact_sheet([result, result]))
    cell = sheet.shape[1] // COLUMNS
    framed = [tuple(sheet[30, at * cell + 4].tolist()) for at in range(COLUMNS)]
    assert framed == [WRONG, WRONG, *[RIGHT] * (COLUMNS - 2)]
    assert sheet.shape[0] % 2 == 0
    assert np.array_equal(sheet[: len(sheet) // 2], sheet[len(sheet) // 2 :])
