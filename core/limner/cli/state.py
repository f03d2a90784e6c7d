"""`limner state`: backup and restore of what a project keeps, without its keys. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="What a project keeps: record, images, heads. The keys are kept apart.")
    group.command()(backup)
    group.command()(restore)
    return group


def backup(folder: Folder) -> None:
    """Copy record, images and heads into a new folder. The keys are not in it: back them up apart."""
    from limner.app import App, local_caller
    from limner.audit.administering import BACKED_UP, administered
    from limner.backup import back_up

    with App.open() as app:
        app.writer.append([administered(BACKED_UP, local_caller().subject, {})]).result()
        count = back_up(app.database, app.project.state, folder)
        keys = app.keys.folder
    typer.echo(f"{folder}: {count} events. Back up {keys} too, elsewhere: without it the backup cannot be read")


def restore(
    folder: Folder,
    replaces: Annotated[str, typer.Option(help="URL of the database it replaces, if it is another.")] = "",
    forget_nothing: Annotated[
        bool, typer.Option("--no-later-erasures", help="The replaced record is lost: nothing it tells of is done again.")
    ] = False,
) -> None:
    """Put a backup in the place of what is there; erase, recall, deny and hold again what was since. Stop Limner first."""
    from limner.app import App, local_caller
    from limner.backup import first_of, put_back
    from limner.errors import UsageError
    from limner.restoring import Later, ask, repeat

    if forget_nothing and replaces:
        raise UsageError("a record that is lost cannot be asked", where="--no-later-erasures", fix="leave out one of the two")
    with App.open() as app:
        told = Later() if forget_nothing else ask(replaces or app.project.database_url, first_of(folder))
        head = app.heads.newest()
        replaced = put_back(folder.resolve(), app.project.state, app.project.database_url)
    with App.open() as app:
        actor, note = local_caller().subject, head.note if head else ""
        done = repeat(
            app.database,
            app.writer,
            told,
            actor=actor,
            replaced_head=note,
            forget=app.images.forget,
            asked=not forget_nothing,
        )
    changes = f"{done.denials} changes of the deny list and {done.legal_holds} of legal holds"
    typer.echo(
        f"restored; {done.erasures} erasures made again, {done.recalls} recalls, {changes}; what was replaced is in {replaced}"
    )
