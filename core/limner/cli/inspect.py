"""`limner inspect`: where an image comes from, as far as it and the record tell. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.plain import plain
from limner.errors import LimnerError, UsageError
from limner.readings import mark_text

if TYPE_CHECKING:
    from limner.app import App
    from limner.inspection import Inspection

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST = 256 * 2**20  # bytes of one file


def add(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(inspect)


def inspect(
    path: Annotated[Path, typer.Argument(metavar="IMAGE|DIR", help="An image file, or a folder of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line for each file.")] = False,
) -> None:
    """Lead an image back to its record. Exit code 1 where it does not agree or was altered, or a file is no image."""
    from limner.app import App

    files = _files(path)
    with App.recorded() as app:
        good = [_tell(app, file, as_json) for file in files]
    raise typer.Exit(0 if all(good) else 1)


def _tell(app: App, file: Path, as_json: bool) -> bool:
    """Print what a file says of its origin. False where what is in it does not agree, or it is no image."""
    from limner.inspection import told

    try:
        seen = _inspected(app, file)
    except LimnerError as error:
        typer.echo(json.dumps({"file": str(file), "error": error.what}) if as_json else plain(f"{file}: {error.what}"))
        return False
    if as_json:
        typer.echo(json.dumps({"file": str(file), **_with_marks(asdict(seen))}))
    else:
        first, *others = told(seen)
        typer.echo("\n".join(map(plain, (f"{file}: {first}", *others))))
    return seen.verdict not in ("conflict", "altered")


def _with_marks(value: Any) -> Any:  # JSON
    """The value with, beside each mark id, the mark as people read it."""
    if isinstance(value, dict):
        mark = {"mark": mark_text(value["mark_id"])} if value.get("mark_id") is not None else {}
        return {**{name: _with_marks(inner) for name, inner in value.items()}, **mark}
    return [_with_marks(inner) for inner in value] if isinstance(value, list | tuple) else value


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        if not found:
            raise UsageError("there are no images in this folder", where=str(path), fix=f"names end in {', '.join(SUFFIXES)}")
        return found
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    return [path]


def _inspected(app: App, file: Path) -> Inspection:
    from limner.inspection import inspect
    from limner.inspection.inspecting import Readers

    if file.stat().st_size > LARGEST:
        raise UsageError(f"the file is larger than {LARGEST // 2**20} MiB", where=str(file))
    readers = Readers(app.read_manifests, app.read_marks)
    return inspect(file.read_bytes(), database=app.database, images=app.images, readers=readers)
