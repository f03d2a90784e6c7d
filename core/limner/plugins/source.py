"""The code that a plugin consists of: where it lies, and as one hash, for two plugins of one version may not be the same."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def home_of(module: str) -> Path | None:
    """The folder of the package that an imported module is in, or its one file; None where it has none."""
    root = module.partition(".")[0]
    file = getattr(sys.modules.get(root), "__file__", None) or getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return None
    path = Path(file)
    return path.parent if path.name == "__init__.py" else path


def source_sha256(module: str) -> str:
    """Hex SHA-256 over the Python files of a module that is imported, or of the package it is in; empty where it has none."""
    home = home_of(module)
    if home is None:
        return ""
    root, files = (home, sorted(home.rglob("*.py"))) if home.is_dir() else (home.parent, [home])
    digest = hashlib.sha256()
    for source in files:
        name, data = source.relative_to(root).as_posix(), source.read_bytes()
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()
