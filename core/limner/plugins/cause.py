"""Why a plugin is broken, in a sentence that starts at the line of its own code."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

import pluggy

import limner
from limner.errors import LimnerError

_MACHINERY = tuple(Path(module.__file__).parent for module in (importlib, pluggy, limner) if module.__file__)


def cause_of(error: BaseException) -> str:
    """What a plugin raised, and where: the innermost line of the plugin itself, not of what imports or calls it."""
    if isinstance(error, LimnerError):
        return str(error)
    place = f"{error.filename}:{error.lineno}" if isinstance(error, SyntaxError) else _own_line(error)
    told = f"raised {type(error).__name__}: {error}"
    return f"{place}: {told}" if place else told


def _own_line(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
    if not frames:
        return ""
    first = Path(frames[0].filename)
    home = first.parent if first.name == "__init__.py" else first  # a package's folder, or the one file of a module
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    return f"{own[-1].filename}:{own[-1].lineno}"


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen") or any(Path(filename).is_relative_to(folder) for folder in _MACHINERY)
