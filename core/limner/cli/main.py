"""The `limner` command's entry: puts the groups together, lets plugins add theirs, and turns errors into exit codes.

Exit codes: 0 at least one image released, 1 failure, 2 usage, 3 none because of policy, 4 configuration, 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from limner.cli import audit, db, deny, generate, init, inspect, keys, models, pipelines, plugins, policy, review, state, tasks
from limner.cli.outcome import INTERRUPTED
from limner.cli.summaries import with_whole_summaries
from limner.errors import LimnerError

if TYPE_CHECKING:
    from limner.app import App


def main() -> None:
    """Run the command line. What a person can mend is shown without a traceback; a LimnerError's class tells the exit code."""
    atexit.register(gc.freeze)  # else Python looks through all that torch made, several times over, on its way out
    try:
        with_whole_summaries(get_command(build()))()
    except LimnerError as error:
        typer.secho(f"limner: {error}", err=True, fg="red")
        sys.exit(error.exit_code)
    except OSError as error:  # a disk, a folder's permissions: nothing that a traceback would explain
        typer.secho(f"limner: {error}", err=True, fg="red")
        sys.exit(LimnerError.exit_code)
    except KeyboardInterrupt:  # before Typer, which has its own way with it, was reached
        sys.exit(INTERRUPTED)


def build() -> typer.Typer:
    """The Typer application with core's commands and those of the plugins that load."""
    cli = typer.Typer(
        name="limner", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    cli.callback()(_options)
    init.add(cli)
    generate.add(cli)
    tasks.add(cli)
    inspect.add(cli)
    cli.add_typer(pipelines.build(), name="pipelines")
    cli.add_typer(models.build(), name="models")
    cli.add_typer(policy.build(), name="policy")
    cli.add_typer(deny.build(), name="deny")
    cli.add_typer(review.build(), name="review")
    review.add_recall(cli)
    cli.add_typer(plugins.build(), name="plugins")
    cli.add_typer(audit.build(), name="audit")
    cli.add_typer(db.build(), name="db")
    cli.add_typer(keys.build(), name="keys")
    cli.add_typer(state.build(), name="state")
    _add_plugin_commands(cli)
    return cli


def _tell_version(wanted: bool) -> None:
    """Called before a command is looked for: the version needs none."""
    if wanted:
        from limner import __version__

        typer.echo(f"limner {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Text-to-image for organisations that must answer for what they generate."""


def _add_plugin_commands(cli: typer.Typer) -> None:
    from limner.plugins.commands import add_commands
    from limner.settings import Settings

    def open_app(folder: Path | None = None) -> App:
        from limner.app import App

        return App.open(folder)

    add_commands(cli, open_app, Settings.from_environment().plugins)
