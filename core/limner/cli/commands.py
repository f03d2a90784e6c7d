"""All commands in one: core's groups, and those that plugins add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from limner.cli import audit, db, deny, generate, init, inspect, keys, models, pipelines, plugins, policy, review, state, tasks

if TYPE_CHECKING:
    from limner.app import App


def build() -> typer.Typer:
    """The Typer application with core's commands and those of the plugins that load."""
    broken: list[str] = []
    cli = typer.Typer(
        name="limner",
        cls=_telling_of(broken),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
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
    broken += _add_plugin_commands(cli)
    return cli


def _telling_of(broken: list[str]) -> type[TyperGroup]:
    """Commands that tell of broken plugins where one is missed: it may have been theirs."""

    class Commands(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # of click, or of the copy that Typer brings
            if args and self.get_command(ctx, args[0]) is None:
                for line in broken:
                    typer.secho(line, err=True, fg="red")
            return super().resolve_command(ctx, args)

    return Commands


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


def _add_plugin_commands(cli: typer.Typer) -> list[str]:
    from limner.plugins.commands import add_commands
    from limner.settings import Settings

    def open_app(folder: Path | None = None) -> App:
        from limner.app import App

        return App.open(folder)

    return add_commands(cli, open_app, Settings.from_environment().plugins)
