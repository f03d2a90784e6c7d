"""`limner state`: backup and restore of what a project keeps, without its keys. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.counted import counted

if TYPE_CHECKING:
    from limner.app import App
    from limner.pending_restore import PendingRestore

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

    with App.recorded() as app:
        app.writer.append([administered(BACKED_UP, local_caller().subject, {})]).result()
        count = back_up(app.database, app.project.state, folder)
        keys = app.keys.folder
    typer.echo(f"{folder}: {counted(count, 'event')}. Back up {keys} too, elsewhere: without it the backup cannot be read")


def restore(
    folder: Folder,
    replaces: Annotated[str, typer.Option(help="URL of the database it replaces, if it is another.")] = "",
    forget_nothing: Annotated[
        bool, typer.Option("--no-later-erasures", help="The replaced record is lost: nothing it tells of is done again.")
    ] = False,
) -> None:
    """Put a backup in the place of what is there; erase, recall, deny and hold again what was since. Stop Limner first."""
    from limner.app import App, local_caller
    from limner.backup import put_back
    from limner.pending_restore import finish
    from limner.restoring import repeat

    with App.open() as app:
        project, (pending, begun) = app.project, _pending(app, folder.resolve(), replaces, forget_nothing)
    marker, replaced, url = project.restore_marker, Path(pending.replaced), project.database_url
    put_back(folder.resolve(), project.state, url, replaced=replaced, mark=lambda: pending.save(marker), begun=begun)
    with App.open() as app:
        app.ends_restore = True
        done = repeat(
            app.database,
            app.writer,
            pending.later,
            actor=local_caller().subject,
            replaced_head=pending.replaced_head,
            forget=app.images.forget,
            asked=pending.asked,
        )
    finish(marker)
    changes = f"{done.denials} changes of the deny list and {done.legal_holds} of legal holds"
    typer.echo(
        f"restored; {done.erasures} erasures made again, {done.recalls} recalls, {changes}; what was replaced is in {replaced}"
    )


def _pending(app: App, folder: Path, replaces: str, forget_nothing: bool) -> tuple[PendingRestore, bool]:
    """The restore that was interrupted, else a new one: for it the record that is replaced is asked, before it is moved.

    And whether it was interrupted on its way into the database that is set now.
    """
    from sqlalchemy import make_url

    from limner.backup import aside, first_of
    from limner.errors import UsageError
    from limner.pending_restore import PendingRestore
    from limner.restoring import Later, ask

    marker, into = app.project.restore_marker, make_url(app.project.database_url).render_as_string()
    if interrupted := PendingRestore.read(marker):
        if replaces or forget_nothing:
            what = "a restore was interrupted, and what it has to do again is known"
            raise UsageError(what, where=str(marker), fix="leave out --replaces and --no-later-erasures")
        return replace(interrupted, backup=str(folder), into=into), interrupted.into == into
    if forget_nothing and replaces:
        raise UsageError("a record that is lost cannot be asked", where="--no-later-erasures", fix="leave out one of the two")
    head = app.heads.newest()
    later = Later() if forget_nothing else ask(replaces or app.project.database_url, first_of(folder))
    note, replaced = head.note if head else "", str(aside(app.project.state))
    return PendingRestore(str(folder), replaced, note, asked=not forget_nothing, later=later, into=into), False
