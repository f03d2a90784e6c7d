"""The code that a plugin consists of, as one hash: two plugins of one version may not be the same."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def source_sha256(module: str) -> str:
    """Hex SHA-256 over the Python files of a module that is imported, or of the package it is in; empty where it has none."""
    root = module.partition(".")[0]
    file = getattr(sys.modules.get(root), "__file__", None)
    if not file:
        return ""
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for source in files:
        name, data = source.relative_to(path.parent).as_posix(), source.read_bytes()
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()
