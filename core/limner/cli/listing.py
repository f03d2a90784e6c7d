"""Lists on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

import typer


def show_lines(lines: Iterable[str], *, none: str) -> None:
    """Print each; where there are none, say so on standard error, so that whoever reads standard output reads nothing."""
    told = list(lines)
    for line in told:
        typer.echo(line)
    if not told:
        typer.echo(none, err=True)
