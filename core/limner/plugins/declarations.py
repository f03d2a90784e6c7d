"""What a step class declares before it is loaded: `reads`, `writes`, `emits` and `digest`, asked for and checked.

They are plugin code, so they may raise or answer anything. What is wrong with them is a PluginFault at the plugin's own line;
a LimnerError that they raise themselves, such as that of a model that is not there, goes through.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from numbers import Real
from typing import Literal

from pydantic import ValidationError

from limner.errors import LimnerError, ModelError, PluginFault
from limner.plugins.cause import cause_of, line_of
from limner.plugins.report import PluginReport
from limner.stage_call import stage_of
from limner.step import ModelIndex, Options, Range, Step

Verb = Literal["reads", "writes"]


def declared_values(step: type[Step], verb: Verb, options: Options) -> frozenset[str] | None:
    """The values that the step says it reads, or writes; None for what its stage does. Raises PluginFault."""
    given = _ask(step, verb, options)
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Collection) or not all(isinstance(value, str) for value in given):
        raise _fault(step, verb, f"gives {given!r}, which is no set of values", 'write frozenset({"prompt"})')
    stage = stage_of(step)
    may = stage.reads | stage.needs if verb == "reads" else stage.writes
    if beyond := frozenset(given) - may:
        may_not = f"gives {_listed(beyond)}, which a {stage.name} step may not {verb[:-1]}"
        raise _fault(step, verb, may_not, f"it may {verb[:-1]} {_listed(may)}")
    return frozenset(given)


def declared_signals(step: type[Step], options: Options, models: ModelIndex) -> Mapping[str, Range]:
    """The signals that a step gives, with their ranges. Raises PluginFault."""
    given = _ask(step, "emits", options, models)
    if not isinstance(given, Mapping):
        example = f'write {{"{step.type}": limner.Range(0, 1)}}'
        raise _fault(step, "emits", f"gives {given!r}, not a mapping from signal names to ranges", example)
    for name, span in given.items():
        if not isinstance(span, Range):
            raise _fault(step, "emits", f"gives {span!r} as range of {name!r}", "write limner.Range(low, high)")
        if not (_is_finite(span.low) and _is_finite(span.high) and span.low <= span.high):
            what = f"gives signal {name} the range {span.low} to {span.high}"
            raise _fault(step, "emits", what, "a range goes from a lower number to a higher one, both finite")
    return dict(given)


def declared_digest(step: type[Step], options: Options, models: ModelIndex) -> str:
    """The hash of what a step's answers depend on. Raises PluginFault."""
    given = _ask(step, "digest", options, models)
    if not isinstance(given, str):
        raise _fault(step, "digest", f"gives {given!r}", "it is text, the same at every call")
    return given


def examined(report: PluginReport, steps: Mapping[str, type[Step]]) -> PluginReport:
    """The report of a plugin, broken where one of its steps declares what cannot be, with the options it has by itself."""
    problems = [problem for step in report.steps for problem in _problems(steps[step.type])]
    return replace(report, status="broken", cause="\n".join(problems)) if problems else report


def _problems(step: type[Step]) -> Iterator[str]:
    """What is wrong with a step's declarations, so far as they can be asked for without options and without models."""
    try:
        options = step.Options()
    except ValidationError:
        return
    except Exception as error:  # a validator is plugin code
        yield f"step {step.__name__}: {cause_of(error, step.__module__)}"
        return
    measures = stage_of(step).gate is not None
    for declared in (
        lambda: declared_values(step, "reads", options),
        lambda: declared_values(step, "writes", options),
        lambda: declared_signals(step, options, _NoModels()) if measures else None,
        lambda: declared_digest(step, options, _NoModels()) if measures else None,
    ):
        try:
            declared()
        except PluginFault as error:
            yield str(error)
        except LimnerError:
            continue  # it wants something that a pipeline would give it


class _NoModels:
    """Implements `ModelIndex` where there are none."""

    def space(self, model: str) -> str:
        raise ModelError(f"there is no model {model!r} here")

    digest = space


def _ask(step: type[Step], method: str, *given: object) -> object:
    try:
        return getattr(step, method)(*given)
    except LimnerError:
        raise
    except Exception as error:  # plugin code may raise anything
        what = f"{method}() of {step.__name__} raised {type(error).__name__}: {error}"
        where = line_of(error, step.__module__) or _line(step, method)
        raise PluginFault(what, where=where, fix="a fault of the plugin") from error


def _fault(step: type[Step], method: str, what: str, fix: str) -> PluginFault:
    what = f"{method}() of {step.__name__} {what}"
    return PluginFault(what, where=_line(step, method), fix=f"a fault of the plugin; {fix}")


def _line(step: type[Step], method: str) -> str:
    """`file:line` where the method begins; empty for one that is not written in Python."""
    code = getattr(inspect.unwrap(getattr(step, method)), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "nothing"
