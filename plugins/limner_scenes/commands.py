"""The work behind `limner eval scenes`: make the prompts of a suite into pictures, count, and report."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from limner import UsageError
from limner_scenes.contact_sheet import contact_sheet
from limner_scenes.evaluation import Evaluation, MakeImages, evaluate
from limner_scenes.rates import Rate
from limner_scenes.suites import PROMPTS

_SUITES: dict[str, tuple[str, ...]] = {
    "seen": ("single-seen", "pair-seen"),
    "unseen": ("single-unseen",),
}


def eval_scenes(
    make_images: MakeImages,
    suite: str,
    json_output: bool = False,
    sheet_path: Path | None = None,
    prompts: int = PROMPTS,
) -> Evaluation:
    """Evaluate a model on the `seen` suites or the `unseen` one, and report.

    Prints a table, or one JSON object; writes a contact sheet of every picture to `sheet_path` if given. Raises
    UsageError for an unknown suite or a number of prompts below 1.
    """
    if suite not in _SUITES:
        raise UsageError(f"there is no suite {suite!r}", fix=f"Choose one of {', '.join(_SUITES)}.")
    if prompts < 1:
        raise UsageError(f"cannot evaluate on {prompts} prompts", fix="Ask for one or more.")
    evaluation = evaluate(make_images, _SUITES[suite], prompts=prompts)
    if sheet_path is not None:
        contact_sheet(evaluation.suites).save(sheet_path)
    if json_output:
        print(json.dumps(evaluation.as_json(), indent=2))
    else:
        _print_tables(evaluation)
    return evaluation


def _print_tables(evaluation: Evaluation) -> None:
    console = Console()
    console.print(_model_table(evaluation))
    console.print(_checker_table(evaluation))


def _model_table(evaluation: Evaluation) -> Table:
    table = Table("suite", "task", "right", "share", "95 % (Wilson)", title="What the model made")
    for result in evaluation.suites:
        for task, rate in result.tasks().items():
            table.add_row(result.name, task, *_columns(rate))
        for fault, count in result.faults().items():
            table.add_row(result.name, f"  wrong: {fault}", f"{count}/{len(result.trials)}", style="dim")
    return table


def _checker_table(evaluation: Evaluation) -> Table:
    title = "The checker itself, on renders: the true caption accepted, a wrong one refused"
    table = Table("renders", "caption", "right", "share", "95 % (Wilson)", title=title)
    for result in evaluation.checker:
        table.add_row(result.condition, "true", *_columns(result.accepted))
        for kind, rate in result.refused.items():
            table.add_row(result.condition, f"{kind} wrong", *_columns(rate))
    return table


def _columns(rate: Rate) -> tuple[str, str, str]:
    return f"{rate.right}/{rate.of}", f"{rate.share:.1%}", f"{rate.low:.1%} to {rate.high:.1%}"
