"""Parameters as written in YAML → Parameters: all are bounded, and none reaches a gate, a mark, a model, a file or a secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from limner.bound import BoundStep
from limner.pipeline.config import ParameterEntry
from limner.pipeline.option_values import holds, option_fields
from limner.pipeline.parameters import Parameter, Scalar, option_json, with_options, written
from limner.pipeline.reading import Reading
from limner.step import Asset, ModelRef, Options, Secret
from limner.yaml_problems import Problems, did_you_mean, said
from limner.yaml_source import KeyPath

NEVER_SETTABLE = {ModelRef: "a model", Asset: "a file", Secret: "a secret"}
MARKS = ("watermark", "attest")


def bind_parameters(reading: Reading, path: KeyPath, steps: Sequence[BoundStep], problems: Problems) -> dict[str, Parameter]:
    """The parameters under `path` that hold, by name; what is wrong with the others goes to `problems`.

    `steps` are the steps that hold; a parameter of one that does not is passed over, the step's own mistake being told.
    """
    bound: dict[str, Parameter] = {}
    for name in reading.names(path):
        at = (*path, name)
        with problems.collecting():
            reading.check_name(at)
            entry = reading.parse(ParameterEntry, at)
            step_id, _, option = entry.sets.rpartition(".")
            if step := _step(reading, at, step_id, steps):
                parameter = _bind(reading, at, entry, step, option)
                _refuse_shared(reading, at, parameter, bound.values())
                bound[name] = parameter
    return bound


def _step(reading: Reading, path: KeyPath, step_id: str, steps: Sequence[BoundStep]) -> BoundStep | None:
    for step in steps:
        if step.id == step_id:
            return step
    if step_id in _written_ids(reading, path):
        return None
    what = f"no step of this pipeline is called {step_id!r}"
    raise reading.refusal((*path, "sets"), what, did_you_mean(step_id, (step.id for step in steps)))


def _written_ids(reading: Reading, path: KeyPath) -> set[str]:
    """The ids of all steps of the pipeline as written, those that do not hold included."""
    steps = reading.raw((*path[:-2], "steps"))
    written_steps = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return {str(step.get("as", step.get("use"))) for step in written_steps}


def _bind(reading: Reading, path: KeyPath, entry: ParameterEntry, step: BoundStep, option: str) -> Parameter:
    _refuse_unsettable(reading, (*path, "sets"), step, option)
    field = option_fields(type(step.options))[option]
    default = option_json(step.options, field)
    choices = None if entry.choices is None else tuple(entry.choices)
    parameter = Parameter(str(path[-1]), step.id, option, field, default, entry.min, entry.max, choices)
    for key, value in _bounds(parameter):
        _try_bound(reading, (*path, *key), step, parameter, value)
    if default is not None and not parameter.allows(default):
        what = f"{entry.sets} is {written(default)} by itself, which the bounds leave out ({parameter.bounds})"
        raise reading.refusal(path, what, f"widen the bounds, or set `{option}` under `with:` of {step.id}")
    return parameter


def _refuse_unsettable(reading: Reading, path: KeyPath, step: BoundStep, option: str) -> None:
    advice = f"remove the parameter; the operator sets `{option}` under `with:` of {step.id}"
    if step.measures:
        what = f"reaches {step.id}, which measures at the gate `{step.stage.gate}`; a request never sets a gate"
        raise reading.refusal(path, what, advice)
    if step.stage.name in MARKS:
        raise reading.refusal(path, f"reaches {step.id}, which marks the image; a request never sets a mark", advice)
    fields = option_fields(type(step.options))
    if option not in fields:
        raise reading.refusal(path, f"{step.id} ({step.type}) has no option {option!r}", did_you_mean(option, fields))
    annotation = type(step.options).model_fields[fields[option]].annotation
    for kind, called in NEVER_SETTABLE.items():
        if holds(annotation, kind):
            raise reading.refusal(path, f"reaches {called} of {step.id}; a request never sets {called}", advice)


def _bounds(parameter: Parameter) -> Iterable[tuple[KeyPath, Scalar]]:
    """The values that stand for all allowed ones, each with its key."""
    if parameter.choices is not None:
        return [(("choices", index), choice) for index, choice in enumerate(parameter.choices)]
    return [((key,), value) for key, value in (("min", parameter.min), ("max", parameter.max)) if value is not None]


def _try_bound(reading: Reading, path: KeyPath, step: BoundStep, parameter: Parameter, value: Scalar) -> None:
    """The option must take the value, keep it, and with it the step must read and write what it does without."""
    option = f"{parameter.step}.{parameter.option}"
    try:
        options = with_options(step, {parameter.option: value}, reading.root)
    except ValidationError as error:
        what = f"{option} does not take {written(value)}: {said(error)}"
        raise reading.refusal(path, what, "keep the bounds within what the option takes") from None
    kept = option_json(options, parameter.field)
    if not parameter.allows(kept):
        raise reading.refusal(path, f"{option} turns {written(value)} into {written(kept)}", "write it as the step does")
    with reading.faults_at(path, step.type):
        if _flow(step, options) != _flow(step, step.options):
            what = f"{option}: {written(value)} changes what the step reads or writes, which is fixed for a pipeline"
            raise reading.refusal(path, what, "declare a second pipeline instead")


def _flow(step: BoundStep, options: Options) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    return step.cls.reads(options), step.cls.writes(options)


def _refuse_shared(reading: Reading, path: KeyPath, parameter: Parameter, others: Iterable[Parameter]) -> None:
    for other in others:
        if (other.step, other.option) == (parameter.step, parameter.option):
            what = f"sets {other.step}.{other.option}, which the parameter {other.name} sets already"
            raise reading.refusal((*path, "sets"), what, "remove one of the two")
