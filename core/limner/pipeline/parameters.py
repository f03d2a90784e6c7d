"""What a request may set: a pipeline's parameters, and settling them for one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from limner.bound import BoundStep
from limner.errors import UsageError
from limner.step import Options
from limner.yaml_problems import did_you_mean, said

Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the option it sets, its bounds (`min` and `max`, or `choices`), and its value if a request sets none.

    `step` is the step's id, `option` the key that YAML writes, `field` the attribute of the step's Options. `also` are the
    other options that get the same value, each as a parameter of this name.
    """

    name: str
    step: str
    option: str
    field: str
    default: Scalar | None
    min: int | float | None = None
    max: int | float | None = None
    choices: tuple[Scalar, ...] | None = None
    also: tuple[Parameter, ...] = ()

    @property
    def target(self) -> str:
        """The option as YAML names it: `step.option`."""
        return f"{self.step}.{self.option}"

    @property
    def outside(self) -> str:
        """What is wrong with a value that may not be."""
        return "it is outside the bounds" if self.choices is None else "it is none of the choices"

    @property
    def bounds(self) -> str:
        """The bounds in words: `1 to 12`, `one of ancestral, ddim`."""
        if self.choices is None:
            return f"{self.min} to {self.max}"
        return f"one of {', '.join(map(written, self.choices))}"

    def may_take(self, given: object) -> bool:
        """Whether a value, as it was given, is not outside the bounds for all to see. What it means, the Options alone know."""
        if self.choices is not None:
            return written(given) in map(written, self.choices)
        try:
            return self.allows(float(str(given)))
        except ValueError:
            return True

    def allows(self, value: object) -> bool:
        """Whether a value, as the step's Options keep it, lies within the bounds."""
        if self.choices is not None:
            return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float) or self.min is None or self.max is None:
            return False
        return self.min <= value <= self.max

    def canonical(self) -> dict[str, Any]:
        """The parameter as JSON."""
        bounds = {"min": self.min, "max": self.max} if self.choices is None else {"choices": list(self.choices)}
        also = {"also": [other.target for other in self.also]} if self.also else {}
        return {"sets": self.target, "default": self.default, **also, **bounds}


@dataclass(frozen=True, slots=True)
class Settled:
    """The effective value of every parameter, and by step id the options (validated, by field) that the request sets."""

    values: Mapping[str, Scalar | None]
    overrides: Mapping[str, Mapping[str, Any]]  # values of the step's own Options


def settle(parameters: Mapping[str, Parameter], steps: Sequence[BoundStep], root: Path, given: Mapping[str, Any]) -> Settled:
    """The parameters of one request. Raises UsageError for an unknown one, or a value outside its bounds."""
    for name in given:
        if name not in parameters:
            fix = did_you_mean(name, parameters) or "it has none"
            raise UsageError("this pipeline has no such parameter", where=f"parameter {name}", fix=fix)
    values = {name: parameter.default for name, parameter in parameters.items()}
    overrides: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        set_here = (parameter for name, parameter in parameters.items() if name in given)
        own = [one for parameter in set_here for one in (parameter, *parameter.also) if one.step == step.id]
        if own:
            options = _settled(step, own, given, root)
            values |= {parameter.name: option_json(options, parameter.field) for parameter in own}
            overrides[step.id] = {parameter.field: getattr(options, parameter.field) for parameter in own}
    return Settled(values, overrides)


def with_options(step: BoundStep, given: Mapping[str, Any], root: Path) -> Options:
    """The step's options with some of them set otherwise, validated as a whole. Raises pydantic's ValidationError."""
    return type(step.options).model_validate({**step.raw_options, **given}, context={"root": root})


def option_json(options: Options, field: str) -> Any:  # JSON
    """One option in the form of the record."""
    [value] = options.model_dump(mode="json", include={field}).values()
    return value


def written(value: object) -> str:
    """A scalar as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settled(step: BoundStep, own: Sequence[Parameter], given: Mapping[str, Any], root: Path) -> Options:
    try:
        options = with_options(step, {parameter.option: given[parameter.name] for parameter in own}, root)
    except ValidationError as error:
        at_fault = _at_fault(own, error)
        outside = [parameter for parameter in at_fault if not parameter.may_take(given[parameter.name])]
        raise _refusal(outside or at_fault, given, outside[0].outside if outside else said(error)) from None
    for parameter in own:
        value = option_json(options, parameter.field)
        if not parameter.allows(value) or _is_other_kind(given[parameter.name], value):
            raise _refusal([parameter], given, parameter.outside)
    return options


def _at_fault(own: Sequence[Parameter], error: ValidationError) -> Sequence[Parameter]:
    """The parameters that the error is about; all, where it is about the options as a whole."""
    named = {details["loc"][0] for details in error.errors(include_url=False) if details["loc"]}
    return [parameter for parameter in own if parameter.option in named] or own


def _is_other_kind(given: object, kept: object) -> bool:
    """A truth value is not a number here, nor a number a truth value, though Python takes one for the other."""
    return isinstance(given, bool | int | float) and isinstance(given, bool) != isinstance(kept, bool)


def _refusal(parameters: Sequence[Parameter], given: Mapping[str, Any], why: str) -> UsageError:
    names = " and ".join(parameter.name for parameter in parameters)
    values = " and ".join(repr(given[parameter.name]) for parameter in parameters)
    bounds = "; ".join(f"{parameter.name} may be {parameter.bounds}" for parameter in parameters)
    return UsageError(f"cannot be {values}: {why}", where=f"parameter {names}", fix=bounds)
