"""What stands in a step's Options beside plain values: references to models, files and secrets, wherever they are nested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from limner.step import ModelRef, Options
from limner.yaml_source import KeyPath


def option_fields(cls: type[Options]) -> Mapping[str, str]:
    """The fields of an Options class, by the key that YAML writes."""
    return {field.alias or name: name for name, field in cls.model_fields.items()}


def model_references(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:  # any option value
    """Every model named in an option value, with its key path."""
    if isinstance(value, ModelRef):
        yield path, str(value)
    elif isinstance(value, BaseModel):
        for key, name in {field.alias or name: name for name, field in type(value).model_fields.items()}.items():
            yield from model_references(getattr(value, name), (*path, key))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from model_references(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from model_references(inner, (*path, index))


def holds(annotation: Any, kind: type, _seen: frozenset[type] = frozenset()) -> bool:  # any annotation
    """Whether a value of this annotation can be, or hold, one of `kind`."""
    annotation = getattr(annotation, "__value__", annotation)  # of a type alias
    if not isinstance(annotation, type) or get_args(annotation):
        return any(holds(argument, kind, _seen) for argument in get_args(annotation))
    if issubclass(annotation, BaseModel) and annotation not in _seen:
        fields = annotation.model_fields.values()
        return any(holds(field.annotation, kind, _seen | {annotation}) for field in fields)
    return issubclass(annotation, kind)
