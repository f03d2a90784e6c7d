"""Which plugins are found, in which order, and what happens to those that cannot be imported or may not load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import limner
from limner.errors import ConfigurationError, PluginError
from limner.plugins.discovery import BUILTINS
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry
from limner.plugins.report import PluginReport

Install = Callable[..., Path]

STEP = """
    import limner

    class Shout(limner.Step):
        type = "{name}.shout"

        @limner.hookimpl
        def rewrite_prompt(self, generations):
            return [generation.prompt.upper() for generation in generations]

    @limner.hookimpl
    def register_steps():
        return [Shout]
"""


def load(allow: frozenset[str] | None = None, builtins: tuple[str, ...] = ()) -> Registry:
    return load_plugins(allow, builtins=builtins)


def only(registry: Registry) -> PluginReport:
    [report] = registry.plugins
    return report


def test_an_entry_point_is_a_plugin_with_its_version_and_distribution(install: Install) -> None:
    install(STEP.format(name="acme"), distribution="limner-acme-tools", version="3.1")
    registry = load()
    assert only(registry).to_json() == {
        "name": "acme",
        "version": "3.1",
        "distribution": "limner-acme-tools",
        "status": "ok",
        "cause": "",
        "steps": [{"type": "acme.shout", "stage": "rewrite_prompt"}],
    }
    assert list(registry.steps) == ["acme.shout"]


def test_built_ins_come_first_and_the_others_by_name(install: Install, tmp_path: Path) -> None:
    for name in ("zebra", "acme", "moth"):
        install(STEP.format(name=name), name=name)
    (tmp_path / "limner_yarn.py").write_text("")
    registry = load_plugins(None, [ModuleType("limner_newt")], builtins=["limner_yarn"])
    assert [report.name for report in registry.plugins] == ["yarn", "acme", "moth", "newt", "zebra"]
    assert (registry.plugins[0].version, registry.plugins[0].distribution) == (limner.__version__, "limner")


def test_the_built_ins_are_the_plugins_of_the_checkout() -> None:
    folder = Path(__file__).parents[3] / "plugins"
    assert set(BUILTINS) >= {path.parent.name for path in folder.glob("limner_*/__init__.py")}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import limner\n\n1 / 0\n", "limner_acme.py:3: raised ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('no')\n", "limner_acme.py:2: raised SystemExit: no"),
        ("def f(:\n", "limner_acme.py:1: raised SyntaxError: invalid syntax"),
        ("import acme_lacks_this\n", "limner_acme.py:1: raised ModuleNotFoundError: No module named 'acme_lacks_this'"),
        ("from pydantic import TypeAdapter\nTypeAdapter(object())\n", "limner_acme.py:2: raised"),
    ],
)
def test_a_plugin_whose_import_raises_names_its_own_line(install: Install, source: str, told: str) -> None:
    install(source)
    install(STEP.format(name="other"), name="other")
    broken, other = load().plugins
    assert broken.status == "broken"
    assert told in broken.cause
    assert other.status == "ok"


def test_a_plugin_that_is_not_there_says_so_without_a_line_of_the_import_system() -> None:
    assert only(load_plugins(None, builtins=["limner_gone"], entry_points=False)).cause == (
        "raised ModuleNotFoundError: No module named 'limner_gone'"
    )


def test_an_interrupt_while_loading_is_the_users(install: Install) -> None:
    install("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


def test_an_entry_point_may_not_take_a_built_ins_name(install: Install, tmp_path: Path) -> None:
    (tmp_path / "limner_terms_own.py").write_text("")
    install("raise RuntimeError('must never be imported')", name="terms", module="other")
    (tmp_path / "limner_terms.py").write_text("import limner\n")
    own, taker = load_plugins(None, builtins=["limner_terms"]).plugins
    assert own.status == "ok"
    assert (taker.status, taker.cause) == ("broken", "'terms' is the name of a built-in plugin; this one needs another")
    assert "other" not in sys.modules


def test_two_distributions_of_one_plugin_name_are_both_refused(install: Install) -> None:
    for distribution in ("limner-one", "limner-two"):
        install(STEP.format(name="acme"), distribution=distribution, module=distribution.replace("-", "_"))
    reports = load().plugins
    assert [report.status for report in reports] == ["broken", "broken"]
    assert {report.cause for report in reports} == {
        "limner-one and limner-two each give a plugin named 'acme'; uninstall all but one"
    }


def test_a_name_that_could_not_start_a_steps_type_is_refused(install: Install) -> None:
    install("", name="acme.tools", module="limner_acme")
    assert "'acme.tools' cannot be a plugin's name" in only(load()).cause


def test_an_entry_point_that_names_no_module_is_refused(install: Install, tmp_path: Path) -> None:
    install("plugin = 3")
    [information] = tmp_path.glob("*.dist-info")
    (information / "entry_points.txt").write_text("[limner]\nacme = limner_acme:plugin\n")
    assert only(load()).cause == "its entry point names 3; a plugin is a module"


class TestAllowList:
    def test_what_is_not_on_it_is_never_imported(self, install: Install) -> None:
        install("raise RuntimeError('must never be imported')")
        install(STEP.format(name="other"), name="other")
        registry = load(frozenset({"other"}))
        barred, other = registry.plugins
        assert (barred.status, barred.cause) == ("not allowed", "it is not among LIMNER_PLUGINS")
        assert other.status == "ok"
        assert "limner_acme" not in sys.modules
        with pytest.raises(PluginError, match="may not load\n  add acme to LIMNER_PLUGINS"):
            registry.step("acme.shout")

    def test_an_empty_one_lets_nothing_load(self, install: Install) -> None:
        install(STEP.format(name="acme"))
        assert only(load(frozenset())).status == "not allowed"

    def test_a_name_on_it_that_is_not_installed_is_an_error(self, install: Install) -> None:
        install(STEP.format(name="acme"))
        with pytest.raises(ConfigurationError, match=r"LIMNER_PLUGINS: no plugin 'acne' is installed\n  did you mean 'acme'\?"):
            load(frozenset({"acne"}))
