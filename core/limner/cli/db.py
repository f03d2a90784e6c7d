"""`limner db`: where the database stands, and bringing it to this version's tables. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.options import AsJson

if TYPE_CHECKING:
    from limner.database.connection import Database
    from limner.database.migration import Status


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The database that the record is kept in.")
    group.command("status")(show_status)
    group.command("upgrade")(run_upgrade)
    return group


def show_status(as_json: AsJson = False) -> None:
    """Which tables the database has, and which this version needs. Changes nothing."""
    from limner.database.migration import status

    with _database(reads_only=True) as database:
        found, url = status(database), database.url.render_as_string()
    typer.echo(json.dumps({"database": url, **asdict(found)}) if as_json else f"{url}: {_standing(found)}")


def run_upgrade(
    show: Annotated[bool, typer.Option("--plan", help="Only print the SQL that would be run.")] = False,
) -> None:
    """Bring the database to this version's tables. SQLite is brought there at first use, PostgreSQL only by this."""
    from limner.database.migration import plan, status, upgrade

    with _database(reads_only=show) as database:
        if show:
            typer.echo(plan(database).rstrip() or f"-- nothing to do: {_standing(status(database))}")
            return
        upgrade(database)
        typer.echo(_standing(status(database)))


@contextmanager
def _database(*, reads_only: bool) -> Iterator[Database]:
    """The project's database as it stands, upgraded or not."""
    from limner.database.connection import Database
    from limner.project import find_project
    from limner.settings import Settings

    settings = Settings.from_environment()
    project = find_project(settings)
    if reads_only and not settings.database_url:
        project.refuse_nowhere()
    project.make_state()
    with closing(Database(project.database_url)) as database:
        yield database


def _standing(status: Status) -> str:
    tables = f"tables of revision {status.revision}"
    match status.state:
        case "empty":
            return f"no tables yet; this version needs revision {status.head}"
        case "behind":
            return f"{tables}; this version needs revision {status.head}"
        case "current":
            return f"{tables}, which is what this version needs"
        case "unknown":
            return f"{tables}, which this version does not know; it needs revision {status.head}"
