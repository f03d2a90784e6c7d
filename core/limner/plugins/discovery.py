"""Which plugins there are: the built-in ones, then those that installed distributions announce, sorted by name.

An entry point of the group `limner` names a module; its name is the plugin's. Entry points come in no order of their own, and
two of one name would silently be one, so both are put right here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module, metadata
from types import ModuleType

from limner import __version__

GROUP = "limner"
BUILTINS = (
    "limner_c2pa",
    "limner_clip",
    "limner_imageclf",
    "limner_scenes",
    "limner_style",
    "limner_terms",
    "limner_textclf",
    "limner_unclip",
    "limner_watermark",
)

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """A plugin that is installed, not imported yet. `refusal` says why it will not be, where its name alone forbids it."""

    name: str
    version: str
    distribution: str
    load: Callable[[], object]
    refusal: str = ""


def find_plugins(builtins: Sequence[str], extra: Sequence[ModuleType], entry_points: bool) -> list[FoundPlugin]:
    """All plugins: built-ins in their own order, then the others by name. `extra` are modules that are there already."""
    core = [FoundPlugin(_short(name), __version__, "limner", partial(import_module, name)) for name in builtins]
    others = [*(_module(module) for module in extra), *(_announced() if entry_points else ())]
    reserved = {plugin.name for plugin in core}
    counts = Counter(plugin.name for plugin in others)
    others = [replace(plugin, refusal=_refusal(plugin, others, reserved, counts)) for plugin in others]
    return [*core, *sorted(others, key=lambda plugin: (plugin.name, plugin.distribution))]


def _short(module: str) -> str:
    return module.rpartition(".")[2].removeprefix("limner_")


def _module(module: ModuleType) -> FoundPlugin:
    return FoundPlugin(_short(module.__name__), str(getattr(module, "__version__", "")), "", lambda: module)


def _announced() -> Iterator[FoundPlugin]:
    for entry in metadata.entry_points(group=GROUP):
        distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
        yield FoundPlugin(entry.name, version, distribution, entry.load)


def _refusal(plugin: FoundPlugin, others: Sequence[FoundPlugin], reserved: set[str], counts: Counter[str]) -> str:
    if plugin.name in reserved:
        return f"{plugin.name!r} is the name of a built-in plugin; this one needs another"
    if not _NAME.fullmatch(plugin.name):
        return f"{plugin.name!r} cannot be a plugin's name: lower-case letters, digits, - and _, a letter first"
    if counts[plugin.name] > 1:
        rivals = sorted(other.distribution or "a given module" for other in others if other.name == plugin.name)
        return f"{' and '.join(rivals)} each give a plugin named {plugin.name!r}; uninstall all but one"
    return ""
