"""What the plugins that load offer, by name, and calls to the hooks of each, apart from the others."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Any

import pluggy

from limner.errors import PluginError, PluginFault
from limner.generation import EncodedImage, Image
from limner.hookspecs import Stage
from limner.model_source import ModelSource
from limner.plugins.cause import cause_of
from limner.plugins.report import PluginReport
from limner.readings import ManifestReading, WatermarkReading
from limner.stage_call import stage_of
from limner.step import KeyRings, Step
from limner.yaml_problems import did_you_mean

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that has loaded: the manager in which it alone is live, and what it registered."""

    report: PluginReport
    manager: pluggy.PluginManager
    steps: tuple[type[Step], ...]
    models: Mapping[str, ModelSource]
    policies: Mapping[str, str]

    @property
    def module(self) -> str:
        """The name of the module that registered it."""
        [module] = self.manager.get_plugins()
        return str(module.__name__)


class Registry:
    """Steps, models, policies and modules by name, a report of every plugin, and calls to their hooks. Thread-safe."""

    def __init__(self, loaded: Sequence[Plugin], reports: Sequence[PluginReport]) -> None:
        self.plugins = tuple(reports)
        self.steps: Mapping[str, type[Step]] = MappingProxyType({s.type: s for plugin in loaded for s in plugin.steps})
        self.models: Mapping[str, ModelSource] = MappingProxyType(
            {name: source for plugin in loaded for name, source in plugin.models.items()}
        )
        self.policies: Mapping[str, str] = MappingProxyType(
            {name: folder for plugin in loaded for name, folder in plugin.policies.items()}
        )
        self.modules: Mapping[str, str] = MappingProxyType({plugin.report.name: plugin.module for plugin in loaded})
        self._loaded = tuple(loaded)
        self._listeners: dict[str, tuple[Plugin, ...]] = {}
        self._errors: Counter[str] = Counter()
        self._counting = Lock()

    def step(self, name: str) -> type[Step]:
        """The step class of this type. Raises PluginError: with the cause if its plugin is broken, else with the near miss."""
        if name in self.steps:
            return self.steps[name]
        owner = name.partition(".")[0]
        reports = [report for report in self.plugins if report.name == owner]
        if not reports or any(report.status == "ok" for report in reports):
            raise PluginError(f"there is no step {name!r}", fix=did_you_mean(name, self.steps))
        [report, *_] = reports
        if report.status == "broken":
            raise PluginFault(f"step {name!r} cannot be had: {report} is broken", fix=report.cause.replace("\n", "\n  "))
        raise PluginError(f"step {name!r} cannot be had: {report} may not load", fix=f"add {owner} to LIMNER_PLUGINS")

    def stage_of(self, step: type[Step]) -> Stage:
        """The stage that a step class implements."""
        return stage_of(step)

    def _listening(self, hook: str) -> tuple[Plugin, ...]:
        """The plugins that implement a hook: most requests meet none, and should not pay for asking."""
        if hook not in self._listeners:
            self._listeners[hook] = tuple(p for p in self._loaded if getattr(p.manager.hook, hook).get_hookimpls())
        return self._listeners[hook]

    def find_terms(self, text: str, terms: Sequence[str]) -> set[int]:
        """The indexes of the terms that some plugin finds in the text. Raises PluginError where one fails to look."""
        found: set[int] = set()
        for plugin in self._listening("find_terms"):
            try:
                [answer] = plugin.manager.hook.find_terms(text=text, terms=tuple(terms))
                indexes = set(range(len(terms))).intersection(answer)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # as in `lifecycle`; but a look that failed is not one that found nothing
                raise PluginError(f"find_terms: {cause_of(error)}", where=str(plugin.report)) from error
            found |= indexes
        return found

    def read_watermarks(self, image: Image, keys: Mapping[str, bytes]) -> tuple[WatermarkReading, ...]:
        """What each plugin that reads marks finds in the image. One that raises is logged, and the others are asked."""
        answers = self._readings("read_watermark", image=image, keys=keys)
        return tuple(reading for answer in answers for reading in answer)

    def read_manifests(self, file: EncodedImage, keys: KeyRings) -> tuple[ManifestReading, ...]:
        """What each plugin that reads content credentials finds in the file; failures are told as for marks."""
        return tuple(self._readings("read_manifest", file=file, keys=keys))

    def _readings(self, hook: str, **given: object) -> Iterator[Any]:  # what the hook returns
        for plugin in self._listening(hook):
            try:
                yield from getattr(plugin.manager.hook, hook)(**given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # as in `lifecycle`
                logger.error("%s: %s: %s", plugin.report, hook, cause_of(error))

    @property
    def lifecycle_errors(self) -> Mapping[str, int]:
        """How often each plugin's life-cycle hooks have raised, by plugin; those that never did are not in it."""
        with self._counting:
            return dict(self._errors)

    def lifecycle(self, hook: str, **views: object) -> None:
        """Call a life-cycle hook of every plugin, each apart: one that raises is logged, counted, and stops nobody."""
        for plugin in self._listening(hook):
            caller: pluggy.HookCaller = getattr(plugin.manager.hook, hook)
            try:
                caller(**views)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit() in a hook cannot change the outcome either
                with self._counting:
                    self._errors[plugin.report.name] += 1
                logger.error("%s: %s: %s", plugin.report, hook, cause_of(error))
