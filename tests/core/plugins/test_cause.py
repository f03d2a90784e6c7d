"""The place that an error of a plugin is told with: its own line, whatever called it and whatever it calls."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from limner.plugins.cause import cause_of, line_of

Install = Callable[..., Path]


def raised_by(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_the_line_is_in_the_plugins_one_file_and_not_in_what_it_calls_from_the_same_folder(install: Install) -> None:
    file = install("import library\n\ndef look():\n    return library.fail()\n")
    (file.parent / "library.py").write_text("def fail():\n    raise KeyError('deep')\n")
    error = raised_by(importlib.import_module("limner_acme").look)
    assert line_of(error, "limner_acme") == f"{file}:4"


def test_the_line_may_be_anywhere_in_the_plugins_package(install: Install) -> None:
    file = install("")
    file.unlink()
    package = file.with_suffix("")
    package.mkdir()
    (package / "__init__.py").write_text("from limner_acme.steps import look\n")
    (package / "steps.py").write_text("import limner\n\ndef look():\n    return limner.Rnage(0, 1)\n")
    error = raised_by(importlib.import_module("limner_acme").look)
    assert line_of(error, "limner_acme.steps") == f"{package / 'steps.py'}:4"
    assert cause_of(error, "limner_acme").endswith(
        "steps.py:4: raised AttributeError: module 'limner' has no attribute 'Rnage'"
    )


def test_limners_own_lines_are_never_named() -> None:
    import limner

    error = raised_by(lambda: limner.__getattr__("Rnage"))
    innermost = error.__traceback__
    while innermost and innermost.tb_next:
        innermost = innermost.tb_next
    assert line_of(error.with_traceback(innermost)) == ""
