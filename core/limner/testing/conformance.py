"""What every step must keep to: declared rightly, one answer for each generation, nothing mutated, nothing undeclared."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from limner.engine.results import next_generation, one_each
from limner.errors import PluginError, StepError
from limner.generation import Generation, Signal
from limner.hookspecs import Stage
from limner.models import ModelStore
from limner.plugins.declarations import declared_digest, declared_signals, declared_values
from limner.plugins.step_rules import step_problems
from limner.stage_call import stage_call, stage_of
from limner.step import IterativeStep, Range, Step
from limner.testing.fingerprint import fingerprint
from limner.testing.running import load_step, ref_of
from limner.testing.samples import sample_generation


class NotConforming(AssertionError):
    """A step breaks a rule; the message says which, and what it did."""


def check_step(
    step: type[Step],
    options: Mapping[str, Any] | None = None,  # YAML scalars, lists and mappings
    *,
    models: ModelStore | None = None,
    root: Path | None = None,
    repeatable: bool = True,
    **given: Any,  # any fields of Generation
) -> None:
    """Check a step class with these options by its rules and by running it; raises NotConforming at the first it breaks.

    Its two generations have sample values for all that stage and step need, and those `given`, as in `run_step`. Pass
    `repeatable=False` for a step whose answer may differ from call to call, such as one that asks a service.
    """
    _refuse(step_problems(step, step.type.partition(".")[0] if isinstance(getattr(step, "type", None), str) else ""))
    loaded = load_step(step, options, models=models, root=root)
    stage, emits = _declared(loaded, models or ModelStore({}))
    first = sample_generation(reads=stage.needs | (loaded.reads(loaded.options) or stage.needs), **given)
    batch = [first, replace(first, index=1, seed=first.seed + 1)]
    answers = [_answer(loaded, stage, emits, [generation])[0] for generation in batch]
    if step.max_batch > 1:
        _answer(loaded, stage, emits, batch)
    if repeatable and fingerprint(_answer(loaded, stage, emits, batch[:1])[0]) != fingerprint(answers[0]):
        raise NotConforming(
            "the same generation came out differently the second time; draw from self.generator(generation), or pass "
            "repeatable=False"
        )
    if isinstance(loaded, IterativeStep):
        _check_advances(loaded, stage, emits, batch)


def _declared(step: Step, models: ModelStore) -> tuple[Stage, Mapping[str, Range]]:
    """The step's stage and signals, once its declarations are seen to be of the right form and within its stage."""
    stage = stage_of(type(step))
    cls, options = type(step), step.options
    try:
        declared_values(cls, "reads", options)
        declared_values(cls, "writes", options)
        emits = declared_signals(cls, options, models)
        digests = [declared_digest(cls, options, models) for _ in range(2)]
    except PluginError as error:
        raise NotConforming(str(error)) from error
    if emits and stage.gate is None:
        raise NotConforming(f"emits() gives {_listed(emits)}, and a {stage.name} step measures nothing")
    if digests[0] != digests[1]:
        raise NotConforming(f"digest() gives {digests[0]!r}, then {digests[1]!r}; it is text, the same at every call")
    return stage, emits


def _answer(step: Step, stage: Stage, emits: Mapping[str, Range], batch: Sequence[Generation]) -> Sequence[object]:
    """A batch's answers, once they are seen to be what the engine takes."""
    import torch

    before = fingerprint(list(batch))
    with torch.inference_mode():
        answers = stage_call(step)(list(batch))
    if fingerprint(list(batch)) != before:
        raise NotConforming("it changed a generation it was given; copy a value before changing it")
    try:
        checked = one_each(ref_of(step), answers, len(batch))
        for generation, answer in zip(batch, checked, strict=True):
            _check_signals(emits, next_generation(ref_of(step), stage, emits, generation, answer)[1])
    except StepError as error:
        raise NotConforming(str(error)) from None
    return checked


def _check_signals(emits: Mapping[str, Range], signals: Sequence[Signal]) -> None:
    """A rule on a signal that was declared and not measured would be an error at its gate, for everybody."""
    lacking = emits.keys() - {signal.name for signal in signals}
    if lacking:
        raise NotConforming(f"emits() declares {_listed(lacking)}, and its answer lacks it")


def _check_advances(step: IterativeStep, stage: Stage, emits: Mapping[str, Range], batch: Sequence[Generation]) -> None:
    """The step's results are of the right form when an engine drives it, too."""
    import torch

    with torch.inference_mode():
        answers = _drive(step, batch)
    try:
        for generation, answer in zip(batch, answers, strict=True):
            next_generation(ref_of(step), stage, emits, generation, answer)
    except StepError as error:
        raise NotConforming(f"driven advance by advance, {error}") from None


def _drive(step: IterativeStep, batch: Sequence[Generation]) -> list[Any]:  # the stage's result type
    """Advance all generations to their ends, each joining one advance after the one before it, as requests do."""
    states = [step.begin(generation) for generation in batch]
    left = [state.steps for state in states]
    turn = 0
    while any(left):
        groups: dict[Hashable, list[int]] = {}
        for i in (i for i, steps in enumerate(left) if steps and i <= turn):
            groups.setdefault(step.group_key(states[i]), []).append(i)
        for group in groups.values():
            for i, advanced in zip(group, _advance(step, [states[i] for i in group]), strict=True):
                states[i], left[i] = advanced, left[i] - 1
        turn += 1
    return [step.finish(state) for state in states]


def _advance(step: IterativeStep, states: Sequence[Any]) -> Sequence[Any]:  # States of the step's own
    advanced = step.advance(states)
    if not isinstance(advanced, list | tuple) or len(advanced) != len(states):
        raise NotConforming(f"advance() gave {advanced!r} for {len(states)} states; it gives a list of one for each")
    return advanced


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise NotConforming("\n".join(problems))
