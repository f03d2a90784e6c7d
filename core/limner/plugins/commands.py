"""The commands that one plugin adds to the command line, all of them or none."""

from __future__ import annotations

from collections import Counter
from typing import Any

from limner.errors import PluginError


class Additions:
    """What has been added to a Typer application since this was made."""

    def __init__(self, cli: Any) -> None:  # typer.Typer: see hookspecs
        self._cli = cli
        self._commands, self._groups = len(cli.registered_commands), len(cli.registered_groups)

    def check(self) -> None:
        """Raise PluginError if a name is taken twice: Typer would let the later command hide the earlier one."""
        names = [*map(_command_name, self._cli.registered_commands), *map(_group_name, self._cli.registered_groups)]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise PluginError(f"command {' and '.join(map(repr, twice))} is there already")

    def undo(self) -> None:
        """Take the additions back."""
        del self._cli.registered_commands[self._commands :]
        del self._cli.registered_groups[self._groups :]


def _command_name(info: Any) -> str:  # typer.models.CommandInfo
    return str(info.name or info.callback.__name__.lower().replace("_", "-"))


def _group_name(info: Any) -> str:  # typer.models.TyperInfo
    given = info.name if isinstance(info.name, str) else info.typer_instance.info.name
    return given if isinstance(given, str) else f"unnamed group {id(info)}"
