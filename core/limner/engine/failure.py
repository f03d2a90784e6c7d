"""What went wrong in a step, as an error that points at the step and at the line of its own code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from limner.bound import StepRef
from limner.errors import LimnerError, StepError
from limner.step import Step


def place(ref: StepRef) -> str:
    """Which step, for the `where` of an error."""
    return f"step {ref.id}" if ref.id == ref.type else f"step {ref.id} ({ref.type})"


def step_error(ref: StepRef, step: Step, error: BaseException) -> StepError:
    """The StepError for what a step raised; `where` has the line of the step's own code that it came from."""
    if isinstance(error, StepError):
        return error
    what = error.what if isinstance(error, LimnerError) else f"raised {type(error).__name__}: {error}"
    fix = error.fix if isinstance(error, LimnerError) else ""
    line = line_of(type(step), error)
    failure = StepError(what, where=f"{place(ref)}, {line}" if line else place(ref), fix=fix)
    failure.__cause__ = error
    return failure


def line_of(cls: type[Step], error: BaseException) -> str:
    """`file:line` of the innermost frame in the folder of the step's own module, else of the innermost frame of all."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    source = getattr(sys.modules.get(cls.__module__), "__file__", None)
    folder = Path(source).parent if source else None
    own = [frame for frame in frames if folder is not None and Path(frame.filename).is_relative_to(folder)]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"
