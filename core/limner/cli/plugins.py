"""`limner plugins`: what is installed, what it offers, and what is broken."""

from __future__ import annotations

import json
from textwrap import indent

import typer

from limner.cli.options import AsJson


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The plugins installed here.")
    group.callback()(plugins)
    group.command("list")(list_plugins)
    return group


def plugins() -> None:
    """The plugins installed here."""


def list_plugins(as_json: AsJson = False) -> None:
    """Name, version, distribution, steps with their stage, status and cause of each plugin."""
    from limner.plugins.declarations import examined
    from limner.plugins.loading import load_plugins
    from limner.settings import Settings

    registry = load_plugins(Settings.from_environment().plugins)
    reports = [examined(report, registry.steps) for report in registry.plugins]
    if as_json:
        typer.echo(json.dumps([report.to_json() for report in reports], indent=2))
        return
    for report in reports:
        typer.echo(f"{report.name}  {report.version}  {report.distribution}  {report.status}")
        for step in report.steps:
            typer.echo(f"    {step.type}  ({step.stage})")
        if report.cause:
            typer.echo(indent(report.cause, "    "))
