"""Running a request from the command line: with its progress shown, and Ctrl-C heeded."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from limner.cli.outcome import Made
from limner.cli.target import Target
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.admission import Checked
    from limner.app import App
    from limner.generation import Caller, Request


@contextmanager
def opened() -> Iterator[App]:
    """The application of this folder; says so where it is the starter project's, and which plugins are left out as broken."""
    from limner.app import App

    with App.open() as app:
        if app.project.starter:
            typer.echo(f"no pipelines.yaml here: using the starter project, state in {app.project.state}", err=True)
        tell_broken(app)
        yield app


def tell_broken(app: App) -> None:
    """One that a pipeline uses is an error of the pipeline, told before; others may have watched, so that is no secret."""
    _ = app.pipelines
    for report in app.registry.plugins:
        if report.status == "broken":
            typer.echo(f"{report} is broken and left out: {report.cause}", err=True)


def caller(cohort: str | None) -> Caller:
    """Whoever runs this command, in the cohort they ask as."""
    from limner.app import local_caller

    return local_caller(cohort)


def run(app: App, request: Request, target: Target, previews: Path | None = None) -> Made:
    """Run a request with its progress shown, and write what it releases; previews, if wanted, into a folder of their own."""
    from limner.cli.progress import Progress

    orchestrator = app.orchestrator  # made here: a signal handler must find it and not make it
    with Progress(previews) as progress, interrupting(lambda: orchestrator.cancel(request.id)):
        result = app.run(request, progress)
    if previews is not None and not progress.shown:
        typer.echo(f"no previews: {_why_none(app.pipelines[request.pipeline], request)}", err=True)
    return Made(result, {image.index: target.save(result, image) for image in result.images if image.file is not None})


def _why_none(checked: Checked, request: Request) -> str:
    """Why a request that wanted previews has none."""
    from limner.step import IterativeStep

    policy = checked.policies_for(request.caller)[0].policy
    if policy.previews == "none":
        return f"policy {policy.name} has `previews: none`; where it says `gated`, they leave after every check and mark"
    decoders = [step.cls for step in checked.pipeline.steps if step.stage.name == "decode"]
    if not any(issubclass(cls, IterativeStep) and cls.preview is not IterativeStep.preview for cls in decoders):
        return f"no step of pipeline {request.pipeline} shows how far it is"
    return "the image was stopped before one was due, or each was stopped by a check"


@contextmanager
def interrupting(cancel: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, Ctrl-C cancels the request, whose record is then closed in order; a second one ends at once.

    So does the first, where `cancel` finds nothing to cancel.
    """

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        if not cancel():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def parse_parameters(settings: list[str]) -> dict[str, str]:
    """`name=value` pairs; what the values mean, the pipeline knows. Raises UsageError for anything else."""
    parameters: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name and equals):
            raise UsageError(f"{setting!r} is not PARAMETER=VALUE", where="--set", fix="for example --set guidance_scale=4")
        if name in parameters:
            raise UsageError(f"parameter {name!r} is set twice", where="--set")
        parameters[name] = text
    return parameters
