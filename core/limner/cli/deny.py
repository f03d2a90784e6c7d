"""`limner deny`: what is refused at once, in every process. Imports no torch unless an image is looked at."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.listing import show_lines
from limner.cli.options import AsJson
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.app import App
    from limner.deny import Denial, DenyKind

Reason = Annotated[str, typer.Option("--reason", help="Why: it stands on the record.")]


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The deny list: terms, images and subjects refused at once.")
    group.command()(add)
    group.command("list")(list_denials)
    group.command()(remove)
    return group


def add(
    reason: Reason,
    image: Annotated[Path | None, typer.Option(help="An image file: it and what looks like it.")] = None,
    term: Annotated[str | None, typer.Option(help="A word, or several in their order.")] = None,
    subject: Annotated[str | None, typer.Option(help="Whoever asks: local:<os user> on the command line.")] = None,
    expires: Annotated[str, typer.Option(help="When it ends: 90m, 12h, 30d, or a date such as 2027-01-31.")] = "",
) -> None:
    """Deny an image, a term or a subject. Every process follows within seconds."""
    from limner.app import App, local_caller
    from limner.deny import add as deny

    with App.open() as app:
        kind, value = _value(app, image, term, subject)
        actor = local_caller().subject
        denial = deny(app.writer, kind, value, actor=actor, reason=reason, expires=_expiry(expires))
    typer.echo(f"{denial.id}  {_told(denial)}")


def list_denials(as_json: AsJson = False) -> None:
    """What is denied now. Of a subject only the keyed hash of its name is kept."""
    from limner.app import App
    from limner.deny import listed

    with App.recorded() as app:
        found = listed(app.database)
    if as_json:
        typer.echo(json.dumps([asdict(denial) for denial in found], ensure_ascii=False))
    else:
        lines = (f"{denial.id[:12]}  {_told(denial)}\n    {denial.reason}" for denial in found)
        show_lines(lines, none="nothing is denied")


def remove(id: Annotated[str, typer.Argument(metavar="ID", help="The entry's id, or how it begins.")], reason: Reason) -> None:
    """Take an entry off the list."""
    from limner.app import App, local_caller
    from limner.deny import remove as undeny

    with App.recorded() as app:
        denial = undeny(app.writer, app.database, id, actor=local_caller().subject, reason=reason)
    typer.echo(f"removed  {_told(denial)}")


def _value(app: App, image: Path | None, term: str | None, subject: str | None) -> tuple[DenyKind, str]:
    given = [name for name, value in (("--image", image), ("--term", term), ("--subject", subject)) if value is not None]
    if len(given) != 1:
        raise UsageError(f"{' and '.join(given) or 'nothing'} given", fix="give exactly one of --image, --term, --subject")
    if image is not None:
        from limner.images.fingerprint import fingerprint
        from limner.images.inputs import load_input

        return "image", f"{fingerprint(load_input('image', image).image):016x}"
    return ("term", term) if term is not None else ("subject", app.keys.lookup(subject or ""))


def _expiry(written: str) -> str:
    from limner.database.timestamp import moment

    return moment(written) if written else ""


def _told(denial: Denial) -> str:
    value = denial.value[:16] if denial.kind == "subject" else denial.value
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in value)
    return f"{denial.kind} {shown}" + (f" until {denial.expires}" if denial.expires else "")
