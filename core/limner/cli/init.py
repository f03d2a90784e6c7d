"""`limner init`: a project folder to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def add(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(init)


def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put it.")] = Path()) -> None:
    """Write the starter pipelines.yaml and policies/ into DIR. Overwrites nothing."""
    from limner.project import create_project

    for path in create_project(folder):
        typer.echo(f"wrote {path}")
    there = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    typer.echo(f'next: {there}limner generate "a red circle above a blue square"')
