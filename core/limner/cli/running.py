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
    from limner.app import App
    from limner.generation import Request


@contextmanager
def opened() -> Iterator[App]:
    """The application of this folder; says so where it is the starter project's."""
    from limner.app import App

    with App.open() as app:
        if app.project.starter:
            typer.echo(f"no pipelines.yaml here: using the starter project, state in {app.project.state}", err=True)
        yield app


def run(app: App, request: Request, target: Target, previews: Path | None = None) -> Made:
    """Run a request with its progress shown, and write what it releases; previews, if wanted, into a folder of their own."""
    from limner.cli.progress import Progress

    orchestrator = app.orchestrator  # made here: a signal handler must find it and not make it
    with Progress(previews) as progress, interrupting(lambda: orchestrator.cancel(request.id)):
        result = app.run(request, progress)
    return Made(result, {image.index: target.save(result, image) for image in result.images if image.file is not None})


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
