"""`limner audit erase`, `retention` and `hold`: what is kept, how long, and what must not go."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.counted import counted
from limner.cli.listing import show_lines
from limner.cli.options import AsJson
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.app import App
    from limner.audit.erasing import Erasable
    from limner.audit.scope import Scope

Subject = Annotated[str | None, typer.Option(help="A subject: local:ada, or its pseudonym.")]
RequestId = Annotated[str | None, typer.Option("--request", help="A request's id, or how it begins.")]
ImageId = Annotated[str | None, typer.Option("--image", help="An image's id as `audit show` has it, or how it begins.")]
Reason = Annotated[str, typer.Option(help="Why. It is recorded in the clear: no personal data.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")]


def add(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(erase)
    group.command()(retention)
    group.add_typer(_holds(), name="hold")


def erase(
    reason: Reason, subject: Subject = None, request: RequestId = None, image: ImageId = None, dry_run: DryRun = False
) -> None:
    """Destroy the keys and files of a subject, a request or an image. The record goes on to verify."""
    from limner.app import App, local_caller
    from limner.audit import erasing

    with App.recorded() as app:
        scope = _scope(app, subject, request, image)
        if dry_run:
            with app.database.reading() as connection:
                going = erasing.erasable(connection, scope)
        else:
            actor, forget = local_caller().subject, app.images.forget
            going = erasing.erase(app.database, app.writer, scope, actor=actor, reason=reason, forget=forget)
    typer.echo(_told(going, dry_run))
    if going.kept_by:
        raise typer.Exit(1)


def retention(
    file: Annotated[Path | None, typer.Option(help="The classes; retention.yaml beside pipelines.yaml if absent.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Erase what has been kept as long as its class says."""
    from limner.app import App, local_caller
    from limner.audit import retention

    with App.recorded() as app:
        path = file or app.project.root / retention.FILE
        if not path.is_file():
            raise UsageError("there is no such file", where=str(path), fix="write one: docs/audit.md shows how")
        classes = retention.load_retention(path)
        if dry_run:
            with app.database.reading() as connection:
                found = retention.expired(connection, classes, datetime.now(UTC))
        else:
            actor, forget = local_caller().subject, app.images.forget
            found = retention.retain(app.database, app.writer, classes, actor=actor, forget=forget)
    for name, going in found.items():
        typer.echo(f"{name}: {_told(going, dry_run)}")


def _holds() -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help="Legal holds: what is under one is not erased.")
    group.command()(place)
    group.command()(lift)
    group.command("list")(list_holds)
    return group


def place(reason: Reason, subject: Subject = None, request: RequestId = None, image: ImageId = None) -> None:
    """Put a subject, a request or an image on hold."""
    from limner.app import App, local_caller
    from limner.audit import legal_holds

    with App.recorded() as app:
        scope = _scope(app, subject, request, image)
        typer.echo(legal_holds.place(app.writer, scope, local_caller().subject, reason))


def lift(id: Annotated[str, typer.Argument(metavar="ID", help="The hold's id.")], reason: Reason) -> None:
    """Lift a hold."""
    from limner.app import App, local_caller
    from limner.audit import legal_holds

    with App.recorded() as app:
        legal_holds.lift(app.writer, id, local_caller().subject, reason)


def list_holds(as_json: AsJson = False) -> None:
    """The holds in force."""
    from limner.app import App
    from limner.audit import legal_holds

    with App.recorded() as app:
        found = legal_holds.in_force(app.database)
    if as_json:
        typer.echo(json.dumps([hold.to_json() for hold in found]))
    else:
        lines = (f"{hold.id}  {hold.time}  {hold.scope}  {hold.target}" for hold in found)
        show_lines(lines, none="no legal hold is in force")


def _scope(app: App, subject: str | None, request: str | None, image: str | None) -> Scope:
    from limner.audit.scope import Kind, find_scope

    kinds: tuple[tuple[Kind, str | None], ...] = (("subject", subject), ("request", request), ("image", image))
    named = [(kind, name) for kind, name in kinds if name is not None]
    if len(named) != 1:
        raise UsageError("name one of --subject, --request and --image")
    [(kind, name)] = named
    with app.database.reading() as connection:
        return find_scope(connection, app.keys, kind, name)


def _told(going: Erasable, dry_run: bool) -> str:
    what = [counted(len(going.images), "image"), counted(len(going.payloads), "payload")]
    what += ["the key of the subject"] if going.subject else []
    lines = [f"{'would be erased' if dry_run else 'erased'}: {', '.join(what)}"]
    lines += [f"kept by the legal hold {hold}" for hold in going.kept_by]
    return "\n".join(lines)
