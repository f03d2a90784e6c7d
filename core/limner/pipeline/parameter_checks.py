"""Parameters as written in YAML → Parameters: all are bounded, and none reaches a gate, a mark, a model, a file or a secret."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

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
            targets: dict[KeyPath, str] = {("sets",): entry.sets}
            targets |= {("also", index): target for index, target in enumerate(entry.also)}
            found = {key: _step(reading, at, key, target, steps) for key, target in targets.items()}
            made: list[Parameter] = []
            for key, step in found.items():
                if step is not None:
                    parameter = _bind(reading, at, key, entry, step, targets[key])
                    _refuse_shared(reading, (*at, *key), parameter, [*bound.values(), *made])
                    _refuse_other_default(reading, (*at, *key), parameter, made)
                    made.append(parameter)
            if len(made) == len(targets):
                bound[name] = replace(made[0], also=tuple(made[1:]))
    return bound


def _step(reading: Reading, path: KeyPath, key: KeyPath, target: str, steps: Sequence[BoundStep]) -> BoundStep | None:
    step_id = target.rpartition(".")[0]
    for step in steps:
        if step.id == step_id:
            return step
    if step_id in _written_ids(reading, path):
        return None
    what = f"no step of this pipeline is called {step_id!r}"
    raise reading.refusal((*path, *key), what, did_you_mean(step_id, (step.id for step in steps)))


def _written_ids(reading: Reading, path: KeyPath) -> set[str]:
    """The ids of all steps of the pipeline as written, those that do not hold included."""
    steps = reading.raw((*path[:-2], "steps"))
    written_steps = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return {str(step.get("as", step.get("use"))) for step in written_steps}


def _bind(
    reading: Reading, path: KeyPath, target_key: KeyPath, entry: ParameterEntry, step: BoundStep, target: str
) -> Parameter:
    option = target.rpartition(".")[2]
    _refuse_unsettable(reading, (*path, *target_key), step, option)
    field = option_fields(type(step.options))[option]
    default = option_json(step.options, field)
    choices = None if entry.choices is None else tuple(entry.choices)
    parameter = Parameter(str(path[-1]), step.id, option, field, default, entry.min, entry.max, choices)
    for key, value in _bounds(parameter):
        _try_bound(reading, (*path, *key), step, parameter, value)
    if default is not None and not parameter.allows(default):
        what = f"{target} is {written(default)} by itself, which the bounds leave out ({parameter.bounds})"
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
    option = parameter.target
    try:
        options = with_options(step, {parameter.option: value}, reading.root)
    except ValidationError as error:
        what = f"{option} does not take {written(value)}: {said(error)}"
        raise reading.refusal(path, what, "keep the bounds within what the option takes") from None
    kept = option_json(options, parameter.field)
    if not parameter.allows(kept):
        raise reading.refusal(path, f"{option} turns {written(value)} into {written(kept)}", "write it as the step does")
    with reading.faults_at(path, step.type, step.cls.__module__):
        if _flow(step, options) != _flow(step, step.options):
            what = f"{option}: {written(value)} changes what the step reads or writes, which is fixed for a pipeline"
            raise reading.refusal(path, what, "declare a second pipeline instead")


def _flow(step: BoundStep, options: Options) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    return step.cls.reads(options), step.cls.writes(options)


def _refuse_shared(reading: Reading, path: KeyPath, parameter: Parameter, others: Iterable[Parameter]) -> None:
    for other in (one for parameter in others for one in (parameter, *parameter.also)):
        if other.target == parameter.target:
            what = f"sets {other.target}, which the parameter {other.name} sets already"
            raise reading.refusal(path, what, "remove one of the two")


def _refuse_other_default(reading: Reading, path: KeyPath, parameter: Parameter, made: Sequence[Parameter]) -> None:
    if made and parameter.default != made[0].default:
        first = made[0]
        what = f"{parameter.target} is {parameter.default} by itself, and {first.target} is {first.default}"
        raise reading.refusal(path, what, "set both alike under `with:`, or leave one to the operator")
