"""`limner audit stats`: counts, as bars on the terminal, as JSON, or as plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.options import AsJson
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.audit.statistics import Statistics

WIDTH = 40  # of the longest bar, in characters


def add(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(stats)


def stats(
    since: Annotated[str, typer.Option(help="From this time on: 30d (ago), or 2026-11-22.")] = "",
    until: Annotated[str, typer.Option(help="Before this time.")] = "",
    plots: Annotated[Path | None, typer.Option(help="Draw plots into this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Requests, where their images stand now, which rules stopped them, and how long steps took."""
    from limner.app import App
    from limner.audit.statistics import statistics
    from limner.database.timestamp import moment

    times = {"since": since and moment(since, ago=True), "until": until and moment(until, ago=True)}
    with App.recorded() as app:
        found = statistics(app.database, **times)
    if not any(_groups(found).values()):
        typer.echo("no request is on the record in this time", err=True)
    if plots is not None:
        for path in _plot(found, plots):
            typer.echo(f"wrote {path}", err=as_json)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
    elif plots is None:
        _show(found)


def _groups(found: Statistics) -> dict[str, Mapping[str, float]]:
    """What is drawn, by title."""
    return {
        "requests by day": found.days,
        "requests by pipeline": found.pipelines,
        "images by state now": found.states,
        "blocks by rule": found.blocks,
        "reviews by rule": found.reviews,
        "seconds by step, median": {type: latency.median for type, latency in found.latency.items()},
        "seconds by step, 95 of 100 below": {type: latency.p95 for type, latency in found.latency.items()},
    }


def _show(found: Statistics) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for title, values in _groups(found).items():
        if not values:
            continue
        longest = max(values.values()) or 1
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for name, value in values.items():
            count = f"{value:g}" if isinstance(value, int) else f"{value:.4f}"
            table.add_row(Text(name), count, "█" * round(WIDTH * value / longest))
        console.print(table)


def _plot(found: Statistics, folder: Path) -> list[Path]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UsageError("plots need the package matplotlib", fix="pip install 'limner[plots]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for title, values in _groups(found).items():
        if not values:
            continue
        figure = Figure(figsize=(8, 1 + 0.35 * len(values)), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(list(values), list(values.values()))
        axes.invert_yaxis()
        axes.set_title(title)
        paths.append(folder / f"{title.replace(',', '').replace(' ', '-')}.png")
        figure.savefig(paths[-1])
    return paths
