"""Plugins made from source text, for one test."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType


def plugin(name: str, source: str, **given: object) -> ModuleType:
    """The module `limner_<name>` with this source, whose errors name `<name>.py`; `given` are further names in it."""
    module = ModuleType(f"limner_{name}")
    vars(module).update(given)
    exec(compile("import limner\nfrom limner import hookimpl\n" + dedent(source), f"{name}.py", "exec"), vars(module))
    return module
