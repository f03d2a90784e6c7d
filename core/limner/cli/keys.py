"""`limner keys`: the keys that the record is written and signed with. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The keys that the record is written and signed with.")
    group.command()(create)
    group.command("export")(export_public)
    group.command()(rotate)
    group.command("add-mark-key")(add_mark_key)
    return group


def create() -> None:
    """Make the keys of this project, if they are not there: to be backed up, apart from the database, before any use."""
    from limner.app import App

    with App.open() as app:
        typer.echo(f"{app.keys.folder}: keys of {app.keys.origin}")


def export_public(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write them there instead of printing.")] = None,
) -> None:
    """The public keys of the log's heads, a line each, the present one first: for those who verify."""
    from limner.app import App
    from limner.audit.heads import trusted_keys
    from limner.files import save_atomically

    with App.recorded() as app:
        text = "".join(f"{key.text}\n" for key in trusted_keys(app.keys))
    if output is None:
        typer.echo(text, nl=False)
    else:
        save_atomically(output, text.encode())


def rotate(reason: Annotated[str, typer.Option(help="Why; it is recorded in the clear.")]) -> None:
    """Replace the signing key. The old one endorses the new one on the record, so who trusts it need not be told."""
    from limner.app import App, local_caller
    from limner.audit.administering import rotate as rotate_key
    from limner.audit.heads import public_key

    with App.recorded() as app:
        renewed = rotate_key(app.writer, app.keys, local_caller().subject, reason)
    typer.echo(public_key(renewed).text)
    typer.echo("start again what runs: it signs with the old key until then", err=True)


def add_mark_key(reason: Annotated[str, typer.Option(help="Why; it is recorded in the clear.")]) -> None:
    """Mark images with a new key from now on. The old ones are kept, to read the marks that were made with them."""
    from limner.app import App, local_caller
    from limner.audit.administering import MARK_KEY_ADDED, administered
    from limner.keyrings import MARKS

    with App.open() as app:
        id = app.rings.rotate(MARKS)
        app.writer.append([administered(MARK_KEY_ADDED, local_caller().subject, {"key": id, "reason": reason})]).result()
    typer.echo(f"key {id}")
