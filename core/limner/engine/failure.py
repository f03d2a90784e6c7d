"""What went wrong in a step, as an error that points at the step and at the line of its own code."""

from __future__ import annotations

from limner.bound import StepRef
from limner.errors import LimnerError, StepError
from limner.plugins.cause import line_of
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
    line = line_of(error, type(step).__module__)
    failure = StepError(what, where=f"{place(ref)}, {line}" if line else place(ref), fix=fix)
    failure.__cause__ = error
    return failure
