"""Letting plugins add to the command line, which loads nothing else of them: `limner --help` must be quick.

A plugin is asked for its commands before its steps are looked at. Of one that cannot even be asked nothing is said here, unless
a command is missed: `limner plugins list` says why, as does whatever makes images.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from limner.errors import PluginError
from limner.hookspecs import RegistrationHooks
from limner.marker import PROJECT
from limner.plugins.cause import cause_of
from limner.plugins.discovery import BUILTINS, FoundPlugin, find_plugins

if TYPE_CHECKING:
    import typer

logger = logging.getLogger(__name__)


def add_commands(
    cli: typer.Typer,
    open_app: Callable[..., Any],  # (path or None) -> App
    allow: frozenset[str] | None,
    extra: Sequence[ModuleType] = (),
    *,
    builtins: Sequence[str] = BUILTINS,
    entry_points: bool = True,
) -> list[str]:
    """Let every plugin that may load add its commands. The arguments after `open_app` are those of `load_plugins`.

    One whose `register_commands` raises, or takes a command's name again, adds none and is logged. Returns a line about each
    that is broken otherwise, such as one that cannot be imported: a command that is missed may have been its.
    """
    broken = []
    for found in find_plugins(builtins, extra, entry_points):
        if found.refusal or (allow is not None and found.name not in allow):
            continue
        try:
            hook = _hook(found)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin that calls sys.exit() ends itself, not the program
            broken.append(f"plugin {found.name} is broken: {cause_of(error)}")
            continue
        additions = _Additions(cli)
        try:
            hook(cli=cli, open_app=open_app)
            additions.check()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            additions.undo()
            logger.error("plugin %s: register_commands: %s", found.name, cause_of(error))
    return broken


def _hook(found: FoundPlugin) -> pluggy.HookCaller:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(RegistrationHooks)
    manager.register(found.load(), found.name)
    hook: pluggy.HookCaller = manager.hook.register_commands
    return hook


class _Additions:
    """What one plugin has added to a Typer application: all of it holds, or none."""

    def __init__(self, cli: typer.Typer) -> None:
        self._cli = cli
        self._commands, self._groups = len(cli.registered_commands), len(cli.registered_groups)

    def check(self) -> None:
        """Raise PluginError if a name is taken twice (Typer would let the later command hide the earlier one).

        What Typer cannot make a command of raises here, and not when the command line is run.
        """
        from typer.main import get_command

        names = [*map(_command_name, self._cli.registered_commands), *map(_group_name, self._cli.registered_groups)]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise PluginError(f"command {' and '.join(map(repr, twice))} is there already")
        if len(names) > self._commands + self._groups:
            get_command(self._cli)

    def undo(self) -> None:
        """Take the additions back."""
        del self._cli.registered_commands[self._commands :]
        del self._cli.registered_groups[self._groups :]


def _command_name(info: Any) -> str:  # typer.models.CommandInfo
    return str(info.name or info.callback.__name__.lower().replace("_", "-"))


def _group_name(info: Any) -> str:  # typer.models.TyperInfo
    given = info.name if isinstance(info.name, str) else info.typer_instance.info.name
    return given if isinstance(given, str) else f"unnamed group {id(info)}"
