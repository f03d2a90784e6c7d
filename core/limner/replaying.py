"""Replay: a recorded request is drawn again, and held against what the record says was drawn.

The steps come from the pipeline's text as it was recorded, not from today's pipelines.yaml; options, parameters, seeds and
words are those of the record. Only the steps that make the image run, and marks to compare with the kept file: nothing is
judged, because nothing leaves but a hash and a distance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from limner.audit.events import GENERATION_STEPS, IMAGE_OUTCOME, REQUEST_ACCEPTED
from limner.audit.reading import RequestRecord
from limner.audit.rebuilding import rebuild
from limner.bound import StepRef
from limner.engine.interface import Engine
from limner.errors import AuditError, LimnerError, ModelError
from limner.generation import Generation, Image, Request
from limner.hookspecs import Stage
from limner.images.difference import psnr
from limner.images.encoding import decode
from limner.images.inputs import read_input
from limner.step import ModelIndex, Step

Plugins = Sequence[Mapping[str, Any]]  # JSON: the list that requests record
ReadImage = Callable[[str], bytes]  # the kept file of an image's id; raises LimnerError where it is gone


class StepTypes(Protocol):
    """The steps that plugins registered, as `limner.plugins.registry.Registry` has them."""

    def step(self, name: str) -> type[Step]:
        """The step class of this type. Raises PluginError where there is none."""

    def stage_of(self, step: type[Step]) -> Stage:
        """The stage that a step class implements."""


@dataclass(frozen=True, slots=True)
class ReplayedImage:
    """What became of one image: `identical` pixels before marking, `different` ones, `failed` now, or `not recorded`:
    stopped before its pixels were hashed.

    `decibels` is the PSNR between the kept file and the new image, marked alike; None where no file is kept.
    """

    index: int
    seed: int
    verdict: Literal["identical", "different", "not recorded", "failed"]
    recorded_sha256: str
    pixels_sha256: str = ""
    decibels: float | None = None
    error: str = ""

    def to_json(self) -> dict[str, Any]:  # JSON
        """The image's result as JSON values."""
        return {**asdict(self), "decibels": "Infinity" if self.decibels == math.inf else self.decibels}


@dataclass(frozen=True, slots=True)
class Replay:
    """A request replayed. `changes` tells, in words, which versions, models and plugins are not those of then."""

    images: tuple[ReplayedImage, ...]
    changes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every image whose pixels are on the record was drawn again to the bit."""
        return all(image.verdict in ("identical", "not recorded") for image in self.images)


@dataclass(frozen=True, slots=True)
class Replayer:
    """Replays requests.

    `root` is the folder that assets are relative to; `versions` and `plugins` are those that would be recorded now.
    """

    engine: Engine
    steps: StepTypes
    models: ModelIndex
    root: Path
    versions: Mapping[str, str]
    plugins: Plugins

    def replay(self, record: RequestRecord, pipeline: Mapping[str, Any], plugins: Plugins, read_image: ReadImage) -> Replay:
        """Draw every image of a record again; `pipeline` is its pipeline's canonical form and `plugins` the list, as stored.

        Raises AuditError if part of the request was erased, PluginError if a step is not installed any more.
        """
        request = rebuild(record, read_input=read_input)
        accepted = _bodies(record, REQUEST_ACCEPTED)[0]
        refs = self._refs(pipeline, accepted)
        places: dict[str, str] = {}  # where each step runs now
        outcomes = sorted(_last_outcomes(record).values(), key=lambda outcome: int(outcome["index"]))
        images = tuple(self._image(request, refs, outcome, read_image, places) for outcome in outcomes)
        changes = (*self._changed(accepted, pipeline), *self._changed_plugins(pipeline, plugins), *_moved(record, places))
        return Replay(images, changes)

    def _refs(self, pipeline: Mapping[str, Any], accepted: Mapping[str, Any]) -> list[tuple[StepRef, str]]:
        """The steps that make or mark the image, each with the name of its stage."""
        occurrences: Counter[str] = Counter()
        refs = []
        for step in pipeline["steps"]:
            stage = self.steps.stage_of(self.steps.step(step["use"]))
            occurrence = occurrences[step["use"]]
            occurrences[step["use"]] += 1
            if stage.gate is None and stage.name != "attest":
                options = {**step["with"], **_set_by_request(step["as"], pipeline["parameters"], accepted["parameters"])}
                hash = accepted["pipeline"]["hash"]
                refs.append((StepRef(step["use"], step["as"], occurrence, options, hash, str(self.root)), stage.name))
        return refs

    def _image(
        self,
        request: Request,
        refs: Sequence[tuple[StepRef, str]],
        outcome: Mapping[str, Any],
        read_image: ReadImage,
        places: dict[str, str],
    ) -> ReplayedImage:
        index, recorded = outcome["index"], outcome["pixels_sha256"]
        seed = request.seed_of(index)
        if not recorded:
            return ReplayedImage(index, seed, "not recorded", "")
        try:
            drawn, marked = self._drawn(Generation.of(request, index, outcome["mark_id"] or 0), refs, places)
        except LimnerError as error:
            return ReplayedImage(index, seed, "failed", recorded, error=str(error))
        verdict: Literal["identical", "different"] = "identical" if drawn.sha256() == recorded else "different"
        return ReplayedImage(index, seed, verdict, recorded, drawn.sha256(), _distance(marked, outcome["image"], read_image))

    def _drawn(
        self, generation: Generation, refs: Sequence[tuple[StepRef, str]], places: dict[str, str]
    ) -> tuple[Image, Image]:
        """The image before marking, and after."""
        drawn: Image | None = None
        for ref, stage in refs:
            if stage == "watermark" and drawn is None:
                drawn = generation.image
            run = self.engine.submit(ref, generation).result()
            generation, places[ref.id] = run.generation, f"{run.device} in {run.precision}"
        if generation.image is None:
            raise AuditError("its steps make no image", where=f"pipeline of {generation.id}")
        return drawn or generation.image, generation.image

    def _changed(self, accepted: Mapping[str, Any], pipeline: Mapping[str, Any]) -> list[str]:
        """The versions and models that are not those of then."""
        then, now = accepted["versions"], self.versions
        models = {name: digest for step in pipeline["steps"] for name, digest in step["models"].items()}
        pairs = [(name, then.get(name, ""), now.get(name, "")) for name in sorted({*then, *now})]
        pairs += [(f"model {name}", digest, self._digest(name)) for name, digest in models.items()]
        return [f"{what} was {old or 'not there'}, and is {new or 'not there'}" for what, old, new in pairs if old != new]

    def _changed_plugins(self, pipeline: Mapping[str, Any], plugins: Plugins) -> list[str]:
        """The plugins of the pipeline's steps whose code is not that of then."""
        used = {step["use"].partition(".")[0] for step in pipeline["steps"]}
        then, now = _code(plugins), _code(self.plugins)
        changed = [name for name in sorted(used) if then.get(name) != now.get(name)]
        return [f"plugin {name} was {then.get(name, 'not there')}, and is {now.get(name, 'not there')}" for name in changed]

    def _digest(self, model: str) -> str:
        try:
            return self.models.digest(model)
        except ModelError:
            return ""


def _code(plugins: Plugins) -> dict[str, str]:
    """By plugin, its version and the beginning of its code's hash."""
    return {plugin["name"]: f"{plugin['version']} (code {plugin.get('sha256', '')[:12]})" for plugin in plugins}


def _bodies(record: RequestRecord, kind: str) -> list[Mapping[str, Any]]:  # JSON
    return [event.body for event in record.events if event.kind == kind]


def _moved(record: RequestRecord, places: Mapping[str, str]) -> list[str]:
    """The steps that do not run where they ran, or not in the precision they ran in."""
    steps = [step for body in _bodies(record, GENERATION_STEPS) for step in body["steps"] if step["outcome"] == "done"]
    ran = {step["step"]: f"{step['device']} in {step['precision']}" for step in steps}
    return [f"{step} ran on {ran[step]}, and runs on {now}" for step, now in places.items() if ran.get(step, now) != now]


def _last_outcomes(record: RequestRecord) -> Mapping[int, Mapping[str, Any]]:  # JSON
    """The outcome of each image; the last one, where a hold was ended by a reviewer."""
    return {body["index"]: body for body in _bodies(record, IMAGE_OUTCOME)}


def _set_by_request(step: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:  # JSON
    """The options of a step that the request's parameters set, as YAML writes them."""
    found = {}
    for name, parameter in parameters.items():
        owner, _, option = parameter["sets"].rpartition(".")
        if owner == step and values.get(name) is not None:
            found[option] = values[name]
    return found


def _distance(marked: Image, image_id: str, read_image: ReadImage) -> float | None:
    try:
        kept = decode(read_image(image_id)) if image_id else None
    except LimnerError:
        return None
    return None if kept is None or kept.size != marked.size else psnr(marked, kept)
