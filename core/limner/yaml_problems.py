"""What pydantic says of a value that came from YAML, told in the file's own terms: place, key path, and the word meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from limner.errors import InvalidFile, Problem
from limner.yaml_source import Document, KeyPath, load_yaml

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

Form = TypeVar("Form", bound="BaseModel")

_SAYINGS = {  # where pydantic speaks of Python's types
    "dict_type": "should be a mapping",
    "mapping_type": "should be a mapping",
    "model_type": "should be a mapping",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "string_type": "should be a string",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "too_short": "should hold at least {min_length}, not {actual_length}",
    "too_long": "should hold at most {max_length}, not {actual_length}",
}
NONE_NEAR = "known: "  # so a way out begins that knows no near word
_OWN_WORDS = ("value_error", "assertion_error")  # a validator raised: it has said all
_OF_A_MAPPING = ("dict_type", "mapping_type", "model_type", "is_instance_of")


class Problems:
    """Collects mistakes from parts that raise InvalidFile, so that one mistake does not hide those in other parts."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Run one part; what it finds is kept and the next part goes on."""
        try:
            yield
        except InvalidFile as error:
            self.found.extend(error.problems)

    def raise_found(self) -> None:
        """Raise InvalidFile if anything was found."""
        if self.found:
            raise InvalidFile(self.found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A way out for an unknown word: the known one nearest to it, else the known ones; empty where none are known."""
    names = {name.casefold(): name for name in sorted(known)}
    near = get_close_matches(word.casefold(), names, n=1)
    if near:
        return f"did you mean {names[near[0]]!r}?"
    return f"{NONE_NEAR}{', '.join(names.values())}" if names else ""


def read_yaml(path: Path, form: type[Form]) -> Form:
    """A file's content as YAML, checked against a pydantic model. Raises InvalidFile with every mistake and its place."""
    from pydantic import ValidationError

    document = load_yaml(path)
    try:
        return form.model_validate(document.value)
    except ValidationError as error:
        raise InvalidFile(pydantic_problems(error, document, model=form)) from None


def pydantic_problems(
    error: ValidationError, document: Document, prefix: KeyPath = (), model: type[BaseModel] | None = None
) -> list[Problem]:
    """Each complaint of a ValidationError as a Problem at its place in `document`.

    `prefix` is where the validated value stands in the document; `model`, the class it was validated against, is where the
    names for a did-you-mean come from. What the branches of a union say of one value becomes one problem.
    """
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        by_path.setdefault(_path_in(document, prefix, details), []).append(details)
    return [_problem(document, prefix, path, _telling(group), model) for path, group in by_path.items()]


def said(error: ValidationError) -> str:
    """What a ValidationError complains of, in one line and without places."""
    return "; ".join(dict.fromkeys(map(_sentence, error.errors(include_url=False))))


def _path_in(document: Document, prefix: KeyPath, details: ErrorDetails) -> KeyPath:
    """The location without what pydantic adds of its own (names of union branches), which the file does not have."""
    path = prefix
    for part in details["loc"]:
        if (*path, part) in document.values:
            path = (*path, part)
    return (*path, details["loc"][-1]) if details["type"] == "missing" else path


def _telling(group: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the complaints that only say that the value has not been built yet."""
    return [details for details in group if details["type"] != "is_instance_of"] or group


def _problem(
    document: Document, prefix: KeyPath, path: KeyPath, group: list[ErrorDetails], model: type[BaseModel] | None
) -> Problem:
    kinds = {details["type"] for details in group}
    if "extra_forbidden" in kinds:
        fix = did_you_mean(str(path[-1]), _known(model, path[len(prefix) : -1]))
        return document.problem(path, "is not a key that is known here", fix, at_key=True)
    if "missing" in kinds:
        return document.problem(path, "is missing", f"add `{path[-1]}:`", at_key=True)
    return document.problem(path, " or ".join(dict.fromkeys(_sentence(details) + _shown(details) for details in group)))


def _sentence(details: ErrorDetails) -> str:
    if details["type"] in _OWN_WORDS:
        return str(details.get("ctx", {}).get("error", details["msg"]))
    if saying := _SAYINGS.get(details["type"]):
        return saying.format(**details.get("ctx", {}))
    sentence = details["msg"].removeprefix("Input ")
    return sentence[:1].lower() + sentence[1:]


def _shown(details: ErrorDetails) -> str:
    """The value, where it is short; never one that stands for a mapping, for it may be a secret written out."""
    value = details["input"]
    if details["type"] in _OWN_WORDS:
        return ""
    if value is None:
        return ", not empty"
    if not isinstance(value, bool | int | float | str) or details["type"] in _OF_A_MAPPING or len(str(value)) > 60:
        return ""
    return f", not {str(value).lower() if isinstance(value, bool) else repr(value)}"


def _known(model: type[BaseModel] | None, path: KeyPath) -> set[str]:
    """The keys of the model, or models, that describe the value at `path`."""
    described: list[Any] = [model] if model is not None else []
    for part in path:
        described = [inner for outer in described for inner in _inner(outer, part)]
    return {name for kind in described for leaf in _leaves(kind) for name in _field_names(leaf)}


def _inner(kind: Any, part: str | int) -> Iterator[Any]:  # annotations have no common type
    """The annotations that an annotation holds under a key or an index."""
    for leaf in _leaves(kind):
        if fields := getattr(leaf, "model_fields", None):
            yield from (field.annotation for name, field in fields.items() if part in (field.alias or name, name))
        elif arguments := [argument for argument in get_args(leaf) if argument is not Ellipsis]:
            yield arguments[-1]


def _leaves(kind: Any) -> Iterator[Any]:
    """An annotation without `Annotated`, the branches of a union one by one; containers and classes are leaves."""
    if hasattr(kind, "__metadata__"):
        yield from _leaves(kind.__origin__)
    elif _is_union(kind):
        for branch in get_args(kind):
            yield from _leaves(branch)
    else:
        yield kind


def _is_union(kind: Any) -> bool:
    from types import UnionType
    from typing import Union, get_origin

    return get_origin(kind) in (Union, UnionType)


def _field_names(leaf: Any) -> Iterator[str]:
    fields: Mapping[str, Any] = getattr(leaf, "model_fields", {})
    yield from (field.alias or name for name, field in fields.items())
