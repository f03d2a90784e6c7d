"""Commands that plugins add to the command line: all of one plugin's, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import typer
from plugin_modules import plugin
from typer.testing import CliRunner

from limner.plugins.commands import add_commands

Install = Callable[..., Path]


class TestCommands:
    HELLO = """
        @hookimpl
        def register_commands(cli, open_app):
            @cli.command()
            def {name}() -> None:
                print("hello from", open_app())
    """

    def cli(self, *modules: ModuleType) -> typer.Typer:
        cli = typer.Typer()
        cli.command("generate")(lambda: print("made"))
        cli.add_typer(typer.Typer(), name="audit")
        self.broken = add_commands(cli, lambda folder=None: "the app", None, modules, builtins=(), entry_points=False)
        return cli

    def names(self, cli: typer.Typer) -> list[str | None]:
        return [info.name or (info.callback and info.callback.__name__) for info in cli.registered_commands]

    def test_a_plugin_adds_commands(self) -> None:
        done = CliRunner().invoke(self.cli(plugin("alpha", self.HELLO.format(name="hello"))), ["hello"])
        assert done.output == "hello from the app\n"

    @pytest.mark.parametrize(
        "takes",
        [
            "@cli.command('generate')\n    def own() -> None: ...",
            "cli.command()(lambda: 0)\n    cli.add_typer(cli, name='audit')",
        ],
    )
    def test_one_that_takes_a_name_again_adds_none(self, takes: str, caplog: pytest.LogCaptureFixture) -> None:
        source = f"@hookimpl\ndef register_commands(cli):\n    {takes}"
        cli = self.cli(plugin("alpha", source), plugin("beta", self.HELLO.format(name="hello")))
        assert self.names(cli) == ["generate", "hello"]
        assert len(cli.registered_groups) == 1
        assert "plugin alpha: register_commands: command" in caplog.text
        assert "is there already" in caplog.text

    def test_one_that_raises_adds_none(self, caplog: pytest.LogCaptureFixture) -> None:
        source = "@hookimpl\ndef register_commands(cli):\n    cli.command('half')(lambda: 0)\n    raise ValueError('no')"
        assert self.names(self.cli(plugin("alpha", source))) == ["generate"]
        assert "alpha.py:6: raised ValueError: no" in caplog.text

    def test_one_that_cannot_be_asked_is_no_fault_of_the_hook(self, caplog: pytest.LogCaptureFixture, install: Install) -> None:
        file = install("import limner\nimport absent\n", module="acme_frames")
        cli = typer.Typer()
        broken = add_commands(cli, lambda folder=None: "the app", None, builtins=())
        assert broken == [f"plugin acme is broken: {file}:2: raised ModuleNotFoundError: No module named 'absent'"]
        assert not caplog.messages
        assert self.names(self.cli(plugin("beta", self.HELLO.format(name="hello")))) == ["generate", "hello"]
        assert self.broken == []
