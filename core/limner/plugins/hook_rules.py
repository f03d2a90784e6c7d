"""The rules of hook functions that pluggy does not hold, each with a sentence of its own when it is broken.

pluggy takes a misspelt hook for one it has no specification of yet, never fills a parameter that has a default, hands back
the coroutine of an `async def` unawaited, lets `specname` make any function any hook, and lets a wrapper around a call change
its outcome.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import pluggy

from limner.hookspecs import PLUGIN_HOOKS, STAGES, StageHooks
from limner.marker import PROJECT
from limner.yaml_problems import did_you_mean

Function = Callable[..., object]


def arguments_of(*hooks: type) -> Mapping[str, tuple[str, ...]]:
    """The hooks that these classes specify, with the names of their arguments."""
    functions = {name: value for hook in hooks for name, value in vars(hook).items() if hasattr(value, f"{PROJECT}_spec")}
    return {name: tuple(inspect.signature(function).parameters)[1:] for name, function in functions.items()}


PLUGIN_ARGUMENTS = arguments_of(*PLUGIN_HOOKS)
STAGE_ARGUMENTS = arguments_of(StageHooks)


def marked_hooks(owner: object) -> dict[str, Mapping[str, Any]]:
    """Everything in a module or class that bears `@limner.hookimpl`, with the options it was marked with."""
    manager = pluggy.PluginManager(PROJECT)
    found = {name: manager.parse_hookimpl_opts(owner, name) for name in dir(owner)}
    return {name: dict(options) for name, options in found.items() if options is not None}


def module_problems(module: ModuleType) -> list[str]:
    """What is wrong with the hooks of a plugin module; empty for none."""
    problems = []
    marked = marked_hooks(module)
    for name, options in marked.items():
        problems += hook_problems(getattr(module, name), name, options, PLUGIN_ARGUMENTS)
    for name in sorted(PLUGIN_ARGUMENTS.keys() - marked.keys()):
        if inspect.isfunction(function := vars(module).get(name)) and function.__module__ == module.__name__:
            problems.append(f"{_at(function)}: {name} is not marked with @limner.hookimpl, so it would never be called")
    return problems


def hook_problems(function: Function, name: str, options: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with one marked function; `known` are the hooks it may be, with their arguments."""
    if name in known:
        problems = [*_options(name, options), *_kind(name, function), *_parameters(name, function, known[name])]
    else:
        problems = [*_options(name, options)] if options.get("specname") else [_not_a_hook(name, known)]
    return [f"{_at(function)}: {problem}" for problem in problems]


def _not_a_hook(name: str, known: Mapping[str, Sequence[str]]) -> str:
    if name in STAGES:
        return f"{name} is a stage, which a Step class implements, not a module"
    if name in PLUGIN_ARGUMENTS:
        return f"{name} is a hook of plugin modules, not of steps"
    return f"there is no hook {name!r}; {did_you_mean(name, known)}"


def _options(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    used = sorted(option for option, value in options.items() if value)
    if "specname" in used:
        yield f"{name} is marked with specname={options['specname']!r}; a hook function bears the name of its hook"
    for option in used:
        if option in ("wrapper", "hookwrapper"):
            yield f"{name} is marked with {option}=True; nothing wraps a hook, for it could change the outcome"
        elif option in ("tryfirst", "trylast"):
            yield f"{name} is marked with {option}=True; only the order in YAML orders steps, and plugins go by name"
        elif option == "optionalhook":
            yield f"{name} is marked with optionalhook=True; that would hide a misspelt hook"


def _kind(name: str, function: Function) -> Iterator[str]:
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        yield f"{name} is `async def`; hooks are called without a loop, so write `def`"
    elif inspect.isgeneratorfunction(inner):
        yield f"{name} yields; return a list"


def _parameters(name: str, function: Function, known: Sequence[str]) -> Iterator[str]:
    takes = f"{name} takes ({', '.join(known)})"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            yield f"parameter {parameter} would never be given a value; name the arguments it wants: {takes}"
        elif parameter.default is not parameter.empty:
            yield f"parameter {parameter.name!r} has a default and would never be given a value; leave the default out"
        elif parameter.name not in known:
            yield f"there is no argument {parameter.name!r}; {takes}"


def _at(function: Function) -> str:
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
