"""`limner pipelines`: look at the pipelines of a project and check them, without loading a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.counted import counted

if TYPE_CHECKING:
    from limner.pipeline import Pipeline

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The pipelines of this project.")
    group.command("list")(list_pipelines)
    group.command()(show)
    group.command()(validate)
    group.command()(schema)
    group.command()(graph)
    return group


def list_pipelines() -> None:
    """Name, task, policy and steps of each pipeline."""
    for pipeline in _all().values():
        steps = " → ".join(step.id for step in pipeline.steps)
        typer.echo(f"{pipeline.name}  ({pipeline.task}, policy {pipeline.policy})\n    {steps}")


def show(name: Name) -> None:
    """A pipeline in its canonical form, with its hash."""
    pipeline = _one(name)
    typer.echo(json.dumps({"hash": pipeline.hash, **json.loads(pipeline.canonical)}, indent=2, ensure_ascii=False))


def validate() -> None:
    """Check pipelines.yaml and the policies against each other; exit code 4 and all problems if they do not hold."""
    from limner.app import App

    with App.open() as app:
        number = len(app.pipelines)
        hold = "holds under its policies" if number == 1 else "hold under their policies"
        typer.echo(f"{app.project.pipelines}: {counted(number, 'pipeline')} {hold}")


def schema() -> None:
    """JSON Schema of pipelines.yaml with the plugins installed here: for editors and CI."""
    from limner.app import App
    from limner.pipeline import pipelines_schema

    with App.open() as app:
        typer.echo(json.dumps(pipelines_schema(app.registry), indent=2))


def graph(name: Name) -> None:
    """A pipeline as a Mermaid flowchart."""
    from limner.pipeline import mermaid

    typer.echo(mermaid(_one(name)))


def _all() -> dict[str, Pipeline]:
    from limner.app import App

    with App.open() as app:
        return {name: checked.pipeline for name, checked in app.pipelines.items()}


def _one(name: str) -> Pipeline:
    from limner.errors import UsageError

    pipelines = _all()
    if name not in pipelines:
        raise UsageError(f"no pipeline {name!r}", fix=f"there are {', '.join(pipelines)}")
    return pipelines[name]
