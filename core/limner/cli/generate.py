"""`limner generate`: one prompt, one or more images, each with its outcome."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from limner.errors import ConfigurationError, LimnerError, UsageError

if TYPE_CHECKING:
    from limner.app import App
    from limner.generation import Request
    from limner.result import ImageResult, Result

RELEASED, FAILED, POLICY, INTERRUPTED = 0, 1, 3, 130
FORMATS: dict[str, Literal["png", "jpeg", "webp"]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


Count = Annotated[int, typer.Option("-n", min=1, max=10, help="How many images.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the first image; drawn if absent.")]
PipelineName = Annotated[str | None, typer.Option(help="Pipeline; the first for this task if absent.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="Set a parameter of the pipeline.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="A file (.png .jpg .webp) or a folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def add(cli: typer.Typer) -> None:
    """Add the command."""

    @cli.command()
    def generate(
        prompt: Annotated[str, typer.Argument(help="What the image shows.")],
        n: Count = 1,
        seed: Seed = None,
        pipeline: PipelineName = None,
        settings: Set = None,
        output: Output = None,
        previews: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Write previews there, where the policy has `previews: gated`.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Make images from a prompt. Exit code: 0 released, 1 failure, 2 usage, 3 none because of policy, 4 configuration."""
        target = Target.parse(output)
        target.check()
        with opened() as app:
            request = app.request(
                prompt,
                n=n,
                seed=seed,
                pipeline=pipeline,
                parameters=parse_parameters(settings or []),
                output_format=target.format,
            )
            made = run(app, request, target, previews)
        tell(made, as_json)


@dataclass(frozen=True, slots=True)
class Made:
    """What a request came to, and where its released images lie, by index."""

    result: Result
    paths: Mapping[int, Path]


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


def tell(made: Made, as_json: bool) -> NoReturn:
    """Say what a request came to, and leave with its exit code."""
    if as_json:
        typer.echo(json.dumps(to_json(made.result, made.paths)))
    else:
        show(made.result, made.paths)
    raise typer.Exit(exit_code(made.result))


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


class Target:
    """Where the images go: one file, numbered files beside it where there are several, or a folder."""

    def __init__(self, folder: Path, stem: str, suffix: str) -> None:
        self.folder, self.stem, self.suffix = folder, stem, suffix

    @classmethod
    def parse(cls, output: Path | None) -> Target:
        """From `-o`. Raises UsageError for a suffix that is no image format of ours."""
        if output is None or output.is_dir() or not output.suffix:
            return cls(output or Path(), "", ".png")
        if output.suffix.lower() not in FORMATS:
            raise UsageError(f"{output} is no image file", where="-o", fix=f"end it in {', '.join(FORMATS)}, or name a folder")
        return cls(output.parent, output.stem, output.suffix)

    @property
    def format(self) -> Literal["png", "jpeg", "webp"]:
        """The image format the suffix names."""
        return FORMATS[self.suffix.lower()]

    def numbered(self, number: int, of: str) -> Target:
        """The file of one of several requests; `of` is their common name where none was given."""
        return Target(self.folder, f"{self.stem or of}-{number}", self.suffix)

    def check(self) -> None:
        """Raises UsageError where nothing can be written: better before the images are made than after."""
        folder = self.folder.absolute()
        standing = next(path for path in (folder, *folder.parents) if path.exists())
        if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
            raise UsageError(f"nothing can be written into {standing}", where="-o", fix="name another file or folder with -o")

    def save(self, result: Result, image: ImageResult) -> Path:
        """Write a released image's bytes, whole or not at all; returns the path. Raises LimnerError if the disk refuses."""
        from limner.files import save_atomically

        assert image.file is not None
        stem = self.stem or f"limner-{result.request_id[:8]}"
        name = f"{stem}-{image.index}" if len(result.images) > 1 or not self.stem else stem
        path = self.folder / f"{name}{self.suffix}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_atomically(path, image.file.data)
        except OSError as error:
            fix = f"it was made and is kept: image {image.index} of request {result.request_id}"
            raise LimnerError(f"the image cannot be written: {error.strerror}", where=str(path), fix=fix) from error
        return path


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


def exit_code(*results: Result) -> int:
    """0 if any image was released, 130 if Ctrl-C cancelled, 4 if a step lacked its model, 3 if policy said no, else 1."""
    outcomes = {image.outcome for result in results for image in result.images}
    if "released" in outcomes:
        return RELEASED
    if "cancelled" in outcomes:
        return INTERRUPTED
    if any(image.misconfigured for result in results for image in result.images):
        return ConfigurationError.exit_code
    return POLICY if outcomes & {"withheld", "held"} else FAILED


def to_json(result: Result, paths: Mapping[int, Path]) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "request_id": result.request_id,
        "pipeline": result.pipeline,
        "images": [_image_json(image, paths.get(image.index)) for image in result.images],
    }


def _image_json(image: ImageResult, path: Path | None) -> dict[str, Any]:
    return {
        "index": image.index,
        "seed": image.seed,
        "outcome": image.outcome,
        "path": str(path) if path else None,
        "pixels_sha256": image.pixels_sha256 or None,
        "decisions": [
            {
                "gate": decision.gate,
                "action": decision.action,
                "rules": list(decision.rules),
                "category": decision.category,
                "message": decision.message,
                "policy": decision.policy,
                "revision": decision.revision,
                "error": decision.error,
            }
            for decision in image.decisions
        ],
        "error": image.error or None,
    }


def show(result: Result, paths: Mapping[int, Path]) -> None:
    """Print what became of each image, and why."""
    for image in result.images:
        typer.echo(
            f"{image.outcome:9} {paths.get(image.index, '-')}  seed {image.seed}  pixels {image.pixels_sha256[:12] or '-'}"
        )
        for decision in image.decisions:
            rules = f" ({', '.join(decision.rules)})" if decision.rules else ""
            typer.echo(f"          {decision.gate}: {decision.action}{rules} {decision.message}".rstrip())
            if decision.error:
                typer.echo(f"          {decision.error}")
        if image.error:
            typer.echo(f"          {image.error}")
    typer.echo(f"request   {result.request_id}  pipeline {result.pipeline}")
