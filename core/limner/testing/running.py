"""Running one step by itself, as the engine would: options read as from YAML, loaded on the CPU, called through its stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from limner.bound import StepRef
from limner.engine.results import next_generation, one_each
from limner.errors import ModelError
from limner.generation import Generation, ItemError
from limner.models import ModelStore
from limner.plugins.declarations import declared_signals
from limner.stage_call import stage_call, stage_of
from limner.step import Step
from limner.testing.samples import sample_generation


class SampleKeys:
    """Rings with one key each, the same at every call. Implements `limner.step.KeyRings`."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def ring(self, name: str, make: Callable[[], bytes] | None = None) -> Mapping[str, bytes]:
        """The one key of a ring: what `make` gave at first, or a fixed one."""
        if name not in self._made:
            self._made[name] = make() if make else name.encode().ljust(32, b".")
        return {"1": self._made[name]}


def load_step(
    step: type[Step],
    options: Mapping[str, Any] | None = None,  # YAML scalars, lists and mappings
    *,
    models: ModelStore | None = None,
    root: Path | None = None,
) -> Step:
    """A step with these options, as written under `with:`, loaded on the CPU in float32.

    `models` are those its options may name; `root` is the folder its assets are relative to. Raises what the options or
    `load` raise.
    """
    import torch

    built = step(step.Options.model_validate(options or {}, context={"root": root or Path.cwd()}))
    built.keys = SampleKeys()
    device, dtype = torch.device("cpu"), torch.float32
    with torch.no_grad():
        built.load((models or ModelStore({})).bind(device, dtype), device, dtype)
    return built


def run_step(
    step: Step | type[Step],
    options: Mapping[str, Any] | None = None,  # YAML scalars, lists and mappings
    *,
    models: ModelStore | None = None,
    root: Path | None = None,
    **given: Any,  # any fields of Generation
) -> Any:  # the stage's result type, or ItemError
    """What a step answers for one generation, if that is what its stage returns; else raises the engine's StepError.

    `step` is a class, loaded with `options` as by `load_step`, or a step that is loaded already. The generation has sample
    values for all that stage and step need, and those `given` by name: `prompt`, `image`, `embedding`, `seed`, `inputs`, ...
    """
    import torch

    loaded = load_step(step, options, models=models, root=root) if isinstance(step, type) else step
    needs = stage_of(type(loaded)).needs
    generation = sample_generation(reads=needs | (loaded.reads(loaded.options) or needs), **given)
    with torch.inference_mode():
        answers = stage_call(loaded)([generation])
    [answer] = one_each(ref_of(loaded), answers, 1)
    if not isinstance(answer, ItemError):
        _check(loaded, models, generation, answer)
    return answer


def _check(step: Step, models: ModelStore | None, generation: Generation, answer: object) -> None:
    """Take an answer as the engine would. Raises StepError where it would not."""
    stage = stage_of(type(step))
    try:
        emits = declared_signals(type(step), step.options, models or ModelStore({})) if stage.gate is not None else {}
    except ModelError:
        if models is not None:
            raise
        return  # a step that was loaded with models, which are not known here: nor is what it declares
    next_generation(ref_of(step), stage, emits, generation, answer)


def ref_of(step: Step) -> StepRef:
    """What the engine's errors name the step by."""
    return StepRef(step.type, step.id, step.occurrence, {}, "", "")
