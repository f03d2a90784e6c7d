"""Plugins made for one test: modules in files of their own, so that errors can name their lines."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one module and its entry point, as pip would leave it; returns the module's file."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(source: str, *, name: str = "acme", distribution: str = "", version: str = "1.2", module: str = "") -> Path:
        distribution, module = distribution or f"limner-{name}", module or f"limner_{name}"
        file = tmp_path / f"{module}.py"
        file.write_text(dedent(source))
        information = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[limner]\n{name} = {module}\n")
        importlib.invalidate_caches()
        return file

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
