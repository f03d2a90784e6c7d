"""Telling what requests came to: in words or as JSON, and by the exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from limner.errors import ConfigurationError

if TYPE_CHECKING:
    from limner.result import ImageResult, Result

RELEASED, FAILED, POLICY, INTERRUPTED = 0, 1, 3, 130


@dataclass(frozen=True, slots=True)
class Made:
    """What a request came to, and where its released images lie, by index."""

    result: Result
    paths: Mapping[int, Path]


def tell(made: Made, as_json: bool) -> NoReturn:
    """Say what a request came to, and leave with its exit code."""
    if as_json:
        typer.echo(json.dumps(to_json(made.result, made.paths)))
    else:
        show(made.result, made.paths)
    raise typer.Exit(exit_code(made.result))


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
