"""`limner policy explain`, `diff` and `calibrate`: policies held against the record, and against examples."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limner.cli.options import AsJson
from limner.cli.plain import plain
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.trials.roc import Point, Roc


def add(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(explain)
    group.command()(diff)
    group.command()(calibrate)


def explain(
    id: Annotated[str | None, typer.Argument(metavar="ID", help="A request, or request/image.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A prompt to try instead: nothing is made or recorded.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="For --prompt; the first one if absent.")] = None,
    cohort: Annotated[str | None, typer.Option(metavar="NAME", help="For --prompt: whose it is; `local` if absent.")] = None,
) -> None:
    """Each rule with the values it saw."""
    from limner.app import App
    from limner.trials.explaining import explain_prompt, explain_record, lines

    if (id is None) == (prompt is None):
        raise UsageError("give a request's id, or --prompt", where="policy explain")
    with App.open() if id is None else App.recorded() as app:
        found = [explain_prompt(app, prompt or "", pipeline, cohort)] if id is None else explain_record(app, id)
    for explained in found:
        if len(found) > 1:
            typer.echo(f"image {explained.index}")
        for line in lines(explained):
            typer.echo(plain(line))


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A policy, or NAME@REVISION from the record.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    since: Annotated[str, typer.Option(help="Requests since: a date, or 12h or 7d ago. All if absent.")] = "",
    as_json: AsJson = False,
) -> None:
    """Judge recorded requests again under A and B, and list every decision that would change."""
    from limner.app import App
    from limner.trials.diffing import compare, find_policy

    with App.recorded() as app:
        found = compare(app, find_policy(app, before), find_policy(app, after), since)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for change in found.changes:
        ways = (f"{each.action} ({', '.join(each.rules) or 'no rule'})" for each in (change.before, change.after))
        typer.echo(f"{change.image}  {' → '.join(ways)}")
    typer.echo(f"{len(found.changes)} would change, {found.same} would not, {len(found.unjudged)} could not be judged")


def calibrate(
    signal: Annotated[str, typer.Argument(metavar="CONCEPT", help="The signal, such as clip.sword.")],
    positives: Annotated[Path, typer.Option(help="A folder of examples that show it.")],
    negatives: Annotated[Path, typer.Option(help="A folder of examples that do not.")],
    fpr: Annotated[float, typer.Option(min=0.0, max=1.0, help="The most false alarms.")] = 0.02,
    at: Annotated[
        Literal["image", "prompt"], typer.Option(help="The gate: examples are image files, or the lines of .txt files.")
    ] = "image",
    pipeline: Annotated[str | None, typer.Option(help="Whose step measures; the first that does if absent.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Draw the ROC curve there (.png, .svg).")] = None,
) -> None:
    """Propose a threshold for a rule, from examples."""
    from limner.app import App
    from limner.trials.calibrating import calibrate as measure
    from limner.trials.calibrating import find_scorer
    from limner.trials.roc import plot

    with App.open() as app:
        scorer = find_scorer(app, signal, at, pipeline)
        roc = measure(app, scorer, positives, negatives)
    chosen = roc.choose(fpr)
    typer.echo(f"{signal} at {at}, measured by {scorer.step.id} of {scorer.pipeline.name}")
    _show_roc(roc, chosen)
    if output is not None:
        plot(roc, chosen, f"{signal} at {at}", output)
        typer.echo(f"wrote {output}")


def _show_roc(roc: Roc, chosen: Point) -> None:
    typer.echo(f"{len(roc.positives)} positives, {len(roc.negatives)} negatives, area under the curve {roc.area:.3f}")
    typer.echo(f"at_least: {chosen.threshold:.4g}")
    alarms = f"false alarms {chosen.false_positives:.1%} (at most {roc.bound(chosen):.1%})"
    typer.echo(f"  finds {chosen.true_positives:.1%}, {alarms}")
