"""The work behind `limner eval scenes`: what is wanted is checked, drawn, judged and reported."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from limner import UsageError
from limner_scenes.evaluation.contact_sheet import contact_sheet
from limner_scenes.evaluation.drawings import Drawings
from limner_scenes.evaluation.measuring import PARTS, Evaluation, Evaluator, Wanted
from limner_scenes.evaluation.prompts import SUITES
from limner_scenes.evaluation.report import as_json, show
from limner_scenes.reader.reading import Reader
from limner_scenes.worlds import SHIPPED, WORLDS

DRAWINGS = Path("evaluation", "drawings.jsonl")
"""Where drawings are kept, in the state folder."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where an evaluation goes: tables or JSON on the terminal, and a contact sheet if a path is given.

    Raises UsageError for a sheet that could not be written: better before the pictures are made than after.
    """

    as_json: bool = False
    sheet: Path | None = None

    def __post_init__(self) -> None:
        if self.sheet is not None and not (self.sheet.suffix == ".png" and self.sheet.parent.is_dir()):
            raise UsageError(
                f"{self.sheet} cannot be the sheet", where="--sheet", fix="name a .png file in a folder that is there"
            )


def wanted(suite: str, parts: Sequence[str], world: str, prompts: int, seeds: int, ablation_prompts: int) -> Wanted:
    """What is wanted, from the options of the command. Raises UsageError for a name that is not known."""
    _known("suite", suite, (*SUITES, "all"))
    for part in parts:
        _known("task", part, PARTS)
    _known("world", world, ("shipped", *WORLDS))
    return Wanted(
        world=SHIPPED if world == "shipped" else WORLDS[world],
        suites=tuple(each for each in SUITES if suite in (each, "all")),
        parts=tuple(parts) or PARTS,
        prompts=prompts,
        seeds=seeds,
        ablation_prompts=ablation_prompts,
    )


def eval_scenes(app: Any, pipeline: str | None, model: str | None, want: Wanted, results: Path | None, output: Output) -> None:
    """Evaluate a model and report. `app` is the running application (Any: core's, which plugins do not import)."""
    drawings = Drawings.open(results or app.project.state / DRAWINGS)
    evaluator = Evaluator(want, drawings, lambda instead: app.drawing(pipeline, model=model, instead=instead), Reader.load())
    found = _drawn(evaluator)
    if output.sheet is not None:
        contact_sheet(found.tasks).save(output.sheet)
    if output.as_json:
        about = {"model": model, "digest": evaluator.artist({}).digest, "prompts": want.prompts, "seeds": want.seeds}
        print(json.dumps({**about, **as_json(found)}, indent=2))
    else:
        show(found, Console())


def _drawn(evaluator: Evaluator) -> Evaluation:
    columns = TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        bar = progress.add_task("drawing", total=None)
        progress.update(bar, total=evaluator.missing())
        evaluator.on_drawn = lambda: progress.advance(bar)
        return evaluator.run()


def _known(what: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        raise UsageError(f"there is no {what} {word!r}", fix=f"choose one of: {', '.join(words)}")
