"""All pictures of an evaluation on one sheet, each with its prompt, framed green where right and red where not."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from limner_scenes.evaluation.trials import TaskResult, Trial

COLUMNS = 14
_PICTURE, _FRAME, _WORDS, _TITLE = 96, 3, 50, 24
_CELL = (_PICTURE + 4 * _FRAME, _PICTURE + 4 * _FRAME + _WORDS)
_RIGHT, _WRONG, _PAPER, _INK = (30, 150, 60), (214, 30, 38), (255, 255, 255), (40, 40, 40)


def contact_sheet(results: Sequence[TaskResult]) -> PillowImage.Image:
    """Lay out every trial of every task, none left out; a trial without a picture is an empty frame."""
    parts = [_task_sheet(result) for result in results]
    sheet = PillowImage.new("RGB", (COLUMNS * _CELL[0], sum(part.height for part in parts)), _PAPER)
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _task_sheet(result: TaskResult) -> PillowImage.Image:
    rows = math.ceil(len(result.trials) / COLUMNS)
    sheet = PillowImage.new("RGB", (COLUMNS * _CELL[0], _TITLE + rows * _CELL[1]), _PAPER)
    title = f"{result.task.name}, {result.suite}: {result.rate.right} of {result.rate.of}"
    draw = ImageDraw.Draw(sheet)
    draw.text((2 * _FRAME, 4), title, _INK, ImageFont.load_default(14))
    for at, trial in enumerate(result.trials):
        row, column = divmod(at, COLUMNS)
        sheet.paste(_cell(trial), (column * _CELL[0], _TITLE + row * _CELL[1]))
    return sheet


def _cell(trial: Trial) -> PillowImage.Image:
    cell = PillowImage.new("RGB", _CELL, _PAPER)
    draw = ImageDraw.Draw(cell)
    outer = _PICTURE + 3 * _FRAME - 1
    draw.rectangle((_FRAME, _FRAME, outer, outer), _PAPER, _WRONG if trial.fault else _RIGHT, _FRAME)
    if trial.picture is not None:
        cell.paste(_at_cell_size(trial.picture), (2 * _FRAME, 2 * _FRAME))
    words = "\n".join(textwrap.wrap(trial.prompt.text, 21))
    draw.text((_FRAME, outer + 4), words, _INK, ImageFont.load_default(9), spacing=1)
    return cell


def _at_cell_size(picture: np.ndarray) -> PillowImage.Image:
    return PillowImage.fromarray(picture).resize((_PICTURE, _PICTURE), PillowImage.Resampling.BICUBIC)
