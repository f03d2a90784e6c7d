"""`limner audit`: the record. All but `replay` import no torch, and need neither the plugins nor the pipelines of a request."""

from __future__ import annotations

import typer

from limner.cli.audit import counting, erasure, proof, reading


def build() -> typer.Typer:
    """The command group."""
    group = typer.Typer(no_args_is_help=True, help="The record of what was asked, decided and made.")
    for commands in (reading, counting, proof, erasure):
        commands.add(group)
    return group
