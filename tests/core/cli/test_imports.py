"""What a command may import before it has work to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "diffusers", "sqlalchemy"}


def imported_by(*words: str) -> set[str]:
    code = f"import sys; sys.argv = ['limner', *{words!r}]\nimport limner.cli.main as m\n"
    code += "try: m.main()\nexcept SystemExit: pass\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_nothing_heavy():
    assert not imported_by("--help") & HEAVY


@pytest.mark.parametrize(
    "words",
    [
        ("plugins", "list"),
        ("pipelines", "validate"),
        ("pipelines", "schema"),
        ("policy", "list"),
        ("policy", "show", "standard"),
        ("policy", "lint"),
    ],
)
def test_looking_and_checking_import_no_torch(words: tuple[str, ...]):
    assert not imported_by(*words) & {"torch", "transformers", "diffusers"}


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "list"),
        ("deny", "list"),
        ("review", "list"),
        ("audit", "verify"),
        ("audit", "stats"),
        ("keys", "export"),
        ("db", "status"),
        ("db", "upgrade"),
    ],
)
def test_the_record_is_looked_after_without_torch(words: tuple[str, ...], tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not imported_by(*words) & {"torch", "transformers", "diffusers"}
