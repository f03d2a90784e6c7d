"""Calling one step through its stage's hook: each step is registered in a plugin manager of its own.

So a call reaches exactly one implementation and nothing wraps it: no other plugin, whatever its order of registration, comes
between the engine and the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from limner.errors import PluginError
from limner.generation import Generation
from limner.hookspecs import STAGES, Stage, StageHooks
from limner.marker import PROJECT
from limner.step import Step

StageCall = Callable[[Sequence[Generation]], Any]  # a batch -> what the step answered, unchecked


def stage_of(step: type[Step]) -> Stage:
    """The one stage that a step class implements. Raises PluginError if it implements none, or more than one."""
    implemented = [name for name in STAGES if _is_marked(step, name)]
    if len(implemented) == 1:
        return STAGES[implemented[0]]
    found = " and ".join(implemented) or "no stage"
    raise PluginError(
        f"a step implements exactly one stage, {step.__qualname__} implements {found}",
        where=step.__module__,
        fix="mark one stage hook with @limner.hookimpl" if not implemented else "make it one class for each stage",
    )


def stage_call(step: Step) -> StageCall:
    """A function that gives this step instance a batch, through its stage's hook, and returns what the step answered."""
    stage = stage_of(type(step))
    manager = _OneStep(PROJECT)
    manager.add_hookspecs(StageHooks)
    manager.register(step)
    hook: pluggy.HookCaller = getattr(manager.hook, stage.name)
    return lambda generations: hook(generations=generations)


class _OneStep(pluggy.PluginManager):
    """Looks at a step's stage hooks only: pluggy's own search would read every attribute, properties included."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        return super().parse_hookimpl_opts(plugin, name) if name in STAGES else None


def _is_marked(step: type[Step], name: str) -> bool:
    return isinstance(getattr(getattr(step, name, None), f"{PROJECT}_impl", None), dict)
