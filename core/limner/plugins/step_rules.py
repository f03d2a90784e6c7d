"""The rules of step classes: exactly one stage, a name under the plugin's own, options and declarations of the right types."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import FunctionType
from typing import get_args

from limner.hookspecs import STAGES
from limner.plugins.hook_rules import STAGE_ARGUMENTS, hook_problems, marked_hooks
from limner.step import IterativeStep, Options, RunsOn, Step

SENDABLE = ("prompt", "image")

_REST_OF_TYPE = re.compile(r"(\.[a-z][a-z0-9_-]*)*")


def step_problems(given: object, plugin: str) -> list[str]:
    """What is wrong with something that a plugin registered as a step; empty for none."""
    if not (isinstance(given, type) and issubclass(given, Step)):
        hint = "; register the class, not an instance" if isinstance(given, Step) else ""
        return [f"{given!r} is not a subclass of limner.Step{hint}"]
    problems = [*_type(given, plugin), *_declarations(given), *_stage(given)]
    return [f"step {given.__qualname__}: {problem}" for problem in problems]


def _type(step: type[Step], plugin: str) -> Iterator[str]:
    name = getattr(step, "type", None)
    if not isinstance(name, str):
        yield f'it has no `type`; write type = "{plugin}.<name>"'
    elif not name.startswith(plugin) or not _REST_OF_TYPE.fullmatch(name.removeprefix(plugin)):
        yield f'its type is {name!r}; a step of plugin {plugin} is named "{plugin}" or "{plugin}.<name>", in lower case'


def _declarations(step: type[Step]) -> Iterator[str]:
    if not (isinstance(step.Options, type) and issubclass(step.Options, Options)):
        yield f"its Options is {step.Options!r}, not a subclass of limner.Options"
    if step.runs_on not in get_args(RunsOn):
        yield f"runs_on is {step.runs_on!r}, not one of {', '.join(get_args(RunsOn))}"
    if not isinstance(step.max_batch, int) or isinstance(step.max_batch, bool) or step.max_batch < 1:
        yield f"max_batch is {step.max_batch!r}, not a whole number of at least 1"
    if not isinstance(step.sends, tuple) or not set(step.sends) <= set(SENDABLE):
        yield f"sends is {step.sends!r}, not a tuple of {' and '.join(SENDABLE)}"


def _stage(step: type[Step]) -> Iterator[str]:
    marked = marked_hooks(step)
    stages = [name for name in marked if name in STAGES]
    for name, options in marked.items():
        yield from _stage_hook(step, name, dict(options))
    if len(stages) == 1:
        yield from _for_the_engine(step, stages[0])
    elif stages:
        yield f"it implements {' and '.join(stages)}; a step implements exactly one stage: make it one class for each"
    elif not marked:
        unmarked = [name for name in STAGES if callable(getattr(step, name, None))]
        hint = f"mark {unmarked[0]} with @limner.hookimpl" if unmarked else f"one of {', '.join(STAGES)}"
        yield f"it implements no stage; {hint}"


def _stage_hook(step: type[Step], name: str, options: dict[str, object]) -> Iterator[str]:
    function = inspect.getattr_static(step, name)
    if not isinstance(function, FunctionType):
        yield f"{name} is a {type(function).__name__}; a stage hook is an ordinary method"
        return
    known = {hook: ("self", *arguments) for hook, arguments in STAGE_ARGUMENTS.items()}
    problems = hook_problems(function, name, options, known)
    yield from problems
    if name in known and not problems and len(inspect.signature(function).parameters) < len(known[name]):
        yield f"{name} takes ({', '.join(known[name])}), all of them"


def _for_the_engine(step: type[Step], stage: str) -> Iterator[str]:
    if STAGES[stage].gate is not None and inspect.getattr_static(step, "emits") is inspect.getattr_static(Step, "emits"):
        yield f"{stage} measures, so the step says what: define emits(cls, options, models), the signals with their ranges"
    if issubclass(step, IterativeStep):
        lacking = [name for name in ("begin", "advance", "finish") if getattr(step, name) is getattr(IterativeStep, name)]
        if lacking:
            yield f"an IterativeStep defines begin, advance and finish; it lacks {' and '.join(lacking)}"
