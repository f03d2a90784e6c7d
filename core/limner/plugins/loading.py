"""Loading plugins: each in one try, in a plugin manager of its own, so that a broken one leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from limner.errors import ConfigurationError, PluginError
from limner.hookspecs import PLUGIN_HOOKS
from limner.marker import PROJECT
from limner.model_source import ModelSource
from limner.plugins.cause import cause_of
from limner.plugins.discovery import BUILTINS, FoundPlugin, find_plugins
from limner.plugins.hook_rules import module_problems
from limner.plugins.registry import Plugin, Registry
from limner.plugins.report import PluginReport, Status, StepReport
from limner.plugins.step_rules import step_problems
from limner.stage_call import stage_of
from limner.step import Step
from limner.yaml_problems import did_you_mean


def load_plugins(
    allow: frozenset[str] | None,
    extra: Sequence[ModuleType] = (),
    *,
    builtins: Sequence[str] = BUILTINS,
    entry_points: bool = True,
) -> Registry:
    """Load what is installed. A broken plugin is reported and left out; it stops whoever asks for one of its steps.

    `allow` names the plugins that may be imported, None all of them; a name in it that is not installed is a
    ConfigurationError. `extra` are plugin modules given by hand, as tests do.
    """
    found = find_plugins(builtins, extra, entry_points)
    _check_allowed(allow, found)
    loaded: list[Plugin] = []
    reports = []
    for plugin in found:
        if allow is not None and plugin.name not in allow:
            reports.append(_report(plugin, "not allowed", "it is not among LIMNER_PLUGINS"))
            continue
        try:
            loaded.append(_load(plugin, loaded))
            reports.append(loaded[-1].report)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin that calls sys.exit() on import ends itself, not the program
            reports.append(_report(plugin, "broken", cause_of(error)))
    return Registry(loaded, reports)


def _check_allowed(allow: frozenset[str] | None, found: Sequence[FoundPlugin]) -> None:
    names = {plugin.name for plugin in found}
    for name in sorted((allow or frozenset()) - names):
        raise ConfigurationError(f"no plugin {name!r} is installed", where="LIMNER_PLUGINS", fix=did_you_mean(name, names))


def _load(found: FoundPlugin, before: Sequence[Plugin]) -> Plugin:
    if found.refusal:
        raise PluginError(found.refusal)
    module = found.load()
    if not isinstance(module, ModuleType):
        raise PluginError(f"its entry point names {module!r}; a plugin is a module")
    manager = _register(module, found.name)
    plugin = _ask(found, manager)
    _refuse_taken(plugin, before)
    return plugin


def _register(module: ModuleType, name: str) -> pluggy.PluginManager:
    """A manager in which this plugin alone is live; one that is refused here is dropped whole, and the plugin with it."""
    _refuse(module_problems(module))
    manager = pluggy.PluginManager(PROJECT)
    for hooks in PLUGIN_HOOKS:
        manager.add_hookspecs(hooks)
    manager.register(module, name)
    manager.check_pending()
    return manager


def _ask(found: FoundPlugin, manager: pluggy.PluginManager) -> Plugin:
    """What the plugin registers, checked."""
    steps: Sequence[type[Step]] = _answer(manager.hook.register_steps, (list, tuple), "a list of step classes")
    models: Mapping[str, Mapping[str, str]] = _answer(manager.hook.register_models, Mapping, "a mapping by name")
    policies: Mapping[str, str] = _answer(manager.hook.register_policies, Mapping, "a mapping by name")
    _refuse(problem for step in steps for problem in step_problems(step, found.name))
    _refuse(f"two of its steps have the type {name!r}" for name, count in Counter(s.type for s in steps).items() if count > 1)
    _refuse(_policy_problems(policies))
    return Plugin(
        report=_report(found, "ok", steps=tuple(StepReport(step.type, stage_of(step).name) for step in steps)),
        manager=manager,
        steps=tuple(steps),
        models={name: _model(name, written) for name, written in models.items()},
        policies=dict(policies),
    )


def _answer(hook: pluggy.HookCaller, kind: type | tuple[type, ...], form: str) -> Any:  # what `form` says, or empty
    """What the one plugin answered. pluggy drops a None, so a forgotten `return` would register nothing without a word."""
    if not hook.get_hookimpls():
        return {} if kind is Mapping else ()
    answers = hook()
    if not answers or not isinstance(answers[0], kind):
        returned = f"a {type(answers[0]).__name__}" if answers else "None"
        raise PluginError(f"{hook.name} returned {returned}, not {form}")
    return answers[0]


def _model(name: str, written: Mapping[str, str]) -> ModelSource:
    source = ModelSource.parse(name, written)
    if not source.on_hub and not Path(source.source).is_absolute():
        raise PluginError(
            f"model {name}: {source.source!r} is not an absolute path; write str(Path(__file__).parent / {source.source!r})"
        )
    return source


def _policy_problems(policies: Mapping[str, str]) -> Iterator[str]:
    for name, folder in policies.items():
        if not isinstance(folder, str) or not Path(folder).is_absolute():
            yield f"policy {name}: {folder!r} is not the absolute path of a folder, as text"


def _refuse_taken(plugin: Plugin, before: Sequence[Plugin]) -> None:
    """Names of models and policies are everybody's; who comes first in the order of discovery has them."""
    for earlier in before:
        taken = [f"model {name!r}" for name in sorted(plugin.models.keys() & earlier.models.keys())]
        taken += [f"policy {name!r}" for name in sorted(plugin.policies.keys() & earlier.policies.keys())]
        _refuse(f"{thing} is already given by {earlier.report}; give it another name" for thing in taken)


def _refuse(problems: Iterable[str]) -> None:
    if found := "\n".join(problems):
        raise PluginError(found)


def _report(found: FoundPlugin, status: Status, cause: str = "", steps: tuple[StepReport, ...] = ()) -> PluginReport:
    return PluginReport(found.name, found.version, found.distribution, status, cause, steps)
