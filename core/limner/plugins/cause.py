"""Why a plugin is broken, in a sentence that starts at the line of its own code."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Sequence
from pathlib import Path

import pluggy

import limner
from limner.errors import LimnerError
from limner.plugins.source import home_of

_MACHINERY = tuple(Path(module.__file__).parent for module in (importlib, pluggy, limner) if module.__file__)


def cause_of(error: BaseException, module: str = "") -> str:
    """What a plugin raised, and where, as `line_of` finds it."""
    if isinstance(error, LimnerError):
        return str(error)
    place = f"{error.filename}:{error.lineno}" if isinstance(error, SyntaxError) else line_of(error, module)
    told = f"raised {type(error).__name__}: {error}"
    return f"{place}: {told}" if place else told


def line_of(error: BaseException, module: str = "") -> str:
    """`file:line` of the innermost frame in a plugin's own code, never in what imports or calls it, nor in what it calls.

    `module` is one of the plugin's. Where it is not known, or has no part in the error, the plugin is whose code was called
    first from Limner's. Empty where no code but Limner's was.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = _within(frames, home_of(module)) or _first_called([f for f in frames if not _is_machinery(f.filename)])
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _first_called(frames: Sequence[traceback.FrameSummary]) -> Sequence[traceback.FrameSummary]:
    """Of the frames, those in the package of the first, or in its one file."""
    if not frames:
        return ()
    first = Path(frames[0].filename)
    return _within(frames, first.parent if first.name == "__init__.py" else first)


def _within(frames: Sequence[traceback.FrameSummary], home: Path | None) -> Sequence[traceback.FrameSummary]:
    return [frame for frame in frames if home is not None and Path(frame.filename).is_relative_to(home)]


def _is_machinery(filename: str) -> bool:
    return filename.startswith("<frozen") or any(Path(filename).is_relative_to(folder) for folder in _MACHINERY)
