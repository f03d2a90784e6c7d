"""`limner models`: what models there are, and having them on this machine before they are needed. Imports no torch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.options import AsJson

if TYPE_CHECKING:
    from limner.models.ledger import Fetched
    from limner.models.store import ModelStore

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name in pipelines.yaml, or a plugin's.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The models of this project.")
    group.command("list")(list_models)
    group.command()(fetch)
    group.command()(verify)
    return group


def list_models(as_json: AsJson = False) -> None:
    """Name, source, licence and whereabouts of each model. Downloads and hashes nothing."""
    from limner.app import App

    with App.open() as app:
        known = app.ledger.read()
        rows = [_row(app.models, name, known.get(name)) for name in app.models.names]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        at = f" at {row['revision']}" if row["revision"] else ""
        typer.echo(f"{row['name']}  {row['source']}{at}")
        if row["directory"] != row["source"]:
            typer.echo(f"    {row['directory'] or 'not here: limner models fetch ' + str(row['name'])}")
        typer.echo(f"    licence {row['licence'] or 'not looked up'}, sha256 {row['digest'] or 'not written down'}")


def fetch(name: Name, as_json: AsJson = False) -> None:
    """Have a model on this machine, whole, and write down its licence and the hash of its files."""
    from dataclasses import asdict

    from limner.app import App
    from limner.models.ledger import fetch

    with App.open() as app:
        app.project.make_state()
        fetched = fetch(app.models, app.ledger, name)
    if as_json:
        typer.echo(json.dumps({"name": name, **asdict(fetched)}))
        return
    typer.echo(f"{name}  {fetched.bytes:,} bytes, licence {fetched.licence}, sha256 {fetched.digest}")


def verify(name: Name) -> None:
    """Hash a model's files and compare them with what was fetched, or with its SHA256SUMS; exit code 4 if they differ."""
    from limner.app import App
    from limner.models.ledger import verify

    with App.open() as app:
        typer.echo(f"{name}  sha256 {verify(app.models, app.ledger, name)}: as it should be")


def _row(models: ModelStore, name: str, fetched: Fetched | None) -> dict[str, str | None]:
    from limner.errors import ModelError
    from limner.models.ledger import licence

    source = models.source(name)
    try:
        directory = models.directory(name)
    except ModelError:
        directory = None
    return {
        "name": name,
        "source": source.source,
        "revision": source.revision or None,
        "directory": str(directory) if directory else None,
        "licence": fetched.licence if fetched else licence(directory) if directory else None,
        "digest": fetched.digest if fetched else None,
    }
