"""YAML as Limner reads it: plain values, and for each of them its line and column, so that every mistake can be pointed at.

What a file may hold is narrower than YAML 1.1. Plain scalars follow the core schema of YAML 1.2 (`true` and `false` are the
only booleans, so `on:` and `no` are words; `010` is ten), keys are strings and stand once, tags and merge keys are refused,
numbers are finite and exact in JSON. Aliases may repeat a value but not without bound. All mistakes of a file are reported at
once. What pydantic then says of the values, `limner.yaml_problems` tells in the same terms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from limner.errors import InvalidFile, Problem

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 200_000  # after aliases are expanded; a file of MAX_BYTES written out in full has fewer
MAX_INTEGER = 2**53 - 1  # beyond it JSON numbers, and so canonical bytes, are not exact

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A position in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as plain values, with the place of each value and of each key."""

    file: str
    value: Any  # YAML scalars, lists and mappings
    values: Mapping[KeyPath, Place] = field(repr=False)
    keys: Mapping[KeyPath, Place] = field(repr=False)

    def place(self, path: KeyPath) -> Place:
        """Where the value at `path` stands; where nothing stands there, its nearest parent."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def key_place(self, path: KeyPath) -> Place:
        """Where the key that ends `path` stands; the item itself in a list, the nearest parent where there is no such key."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.place(path)

    def problem(self, path: KeyPath, what: str, fix: str = "", *shows_in: str, at_key: bool = False) -> Problem:
        """A mistake at the value of `path`, or at its key."""
        place = self.key_place(path) if at_key else self.place(path)
        return Problem(self.file, place.line, place.column, key_text(path), what, fix, shows_in)


def load_yaml(path: Path, *, max_bytes: int = MAX_BYTES) -> Document:
    """Read a YAML file. Raises InvalidFile with all its mistakes, also where it cannot be read or is over `max_bytes`."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise InvalidFile([Problem(file, 0, 0, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > max_bytes:
        raise InvalidFile([Problem(file, 0, 0, "", f"is larger than {max_bytes} bytes", "split it, or shorten it")])
    return parse_yaml(data, file)


def parse_yaml(data: bytes, file: str) -> Document:
    """As `load_yaml`, from the bytes of a file; `file` is its name in messages."""
    composer = _Composer(_text(data, file), file)
    root = composer.compose()
    if composer.problems:
        raise InvalidFile(composer.problems)
    values: dict[KeyPath, Place] = {}
    keys: dict[KeyPath, Place] = {}
    return Document(file, _unfold(root, (), values, keys), values, keys)


def key_text(path: KeyPath) -> str:
    """A key path as people write it: `pipelines.text-to-image.steps[2].with`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _text(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_after(data[: error.start].decode("utf-8", "replace"))
        raise InvalidFile([Problem(file, *place, "", "is not UTF-8", "save the file as UTF-8")]) from None
    if bad := yaml.reader.Reader.NON_PRINTABLE.search(text):
        place = _place_after(text[: bad.start()])
        what = f"holds the control character U+{ord(bad[0]):04X}"
        raise InvalidFile([Problem(file, *place, "", what, "remove it, or write it as an escape in double quotes")])
    return text


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


@dataclass(frozen=True, slots=True)
class _Entry:
    key: Place
    node: _Node


@dataclass(frozen=True, slots=True)
class _Node:
    """A scalar, a list of nodes or a mapping of entries; `size` and `depth` are those with aliases expanded."""

    value: Any  # str | int | float | bool | None | list[_Node] | dict[str, _Entry]
    place: Place
    size: int = 1
    depth: int = 0


class _Stop(Exception):
    """Nothing after this mistake can be read."""


class _Composer:
    """Builds nodes from PyYAML's events; collects mistakes and reads on where it can."""

    def __init__(self, text: str, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._lines = text.splitlines()
        self._path: list[str | int] = []
        self._anchors: dict[str, _Node | None] = {}  # None while the anchored value is still open
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))

    def compose(self) -> _Node:
        """The one document of the file; an empty file is a null."""
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            self.problems.append(self._not_yaml(error))
        except _Stop:
            pass
        return _Node(None, Place(1, 1))

    def _not_yaml(self, error: yaml.MarkedYAMLError) -> Problem:
        """What the parser stopped at; a tab it does not name, nor can people see it."""
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        if self._lines[place.line - 1 : place.line] and self._lines[place.line - 1][place.column - 1 :].startswith("\t"):
            what = "is not valid YAML: a tab stands where only spaces may"
            return Problem(
                self._file, *place, "", what, "write spaces in place of the tab, as many as the lines beside it have"
            )
        what = "is not valid YAML: " + ", ".join(part for part in (error.context, error.problem) if part)
        return Problem(self._file, *place, "", what, "look at this line and the one before it")

    def _document(self) -> _Node:
        root = _Node(None, Place(1, 1))
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._stop(_place(event), "begins a second document", "keep one document in a file")
                root = self._node(next(self._events))
        return root

    def _node(self, event: Any) -> _Node:  # PyYAML's node events share no useful type
        place = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        self._check_depth(place, 0)
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._content(event, place)
        if node.size > MAX_NODES:
            self._stop(place, f"expands to more than {MAX_NODES} values", "write out less by anchors and aliases")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: Any, place: Place) -> _Node:
        if event.tag not in (None, "tag:yaml.org,2002:str"):
            self._problem(place, f"has the tag {event.tag}", "leave tags out; quote a value to make it a string")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        return _Node(event.value if not event.implicit[0] else self._scalar(event.value, place), place)

    def _alias(self, anchor: str, place: Place) -> _Node:
        target = self._anchors.get(anchor)
        if target is not None:
            self._check_depth(place, target.depth)
            return target
        what = f"alias *{anchor} stands inside its own anchor" if anchor in self._anchors else f"alias *{anchor} has no anchor"
        self._problem(place, what, "write the value out")
        return _Node(None, place)

    def _sequence(self, place: Place) -> _Node:
        items: list[_Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(len(items))
            items.append(self._node(event))
            self._path.pop()
        return _container(items, place, items)

    def _mapping(self, place: Place) -> _Node:
        entries: dict[str, _Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event)
            self._path.append(key.value if isinstance(key.value, str) else "?")
            if self._is_fit_for_key(event, key, _place(event), entries):
                entries[key.value] = _Entry(_place(event), self._node(next(self._events)))
            else:
                self._node(next(self._events))
            self._path.pop()
        return _container(entries, place, [entry.node for entry in entries.values()])

    def _is_fit_for_key(self, event: Any, key: _Node, place: Place, entries: Mapping[str, _Entry]) -> bool:
        if not isinstance(key.value, str):
            self._problem(place, "a key that is not a string", "put the key in quotes")
        elif key.value == "<<" and event.implicit[0]:
            self._problem(place, "merge keys (<<) are not read", "write the keys out")
        elif key.value in entries:
            self._problem(place, f"stands twice; the first is on line {entries[key.value].key.line}", "remove one of the two")
        else:
            return True
        return False

    def _scalar(self, text: str, place: Place) -> str | int | float | bool | None:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        number = _number(text)
        if number is None:
            return text
        if not math.isfinite(number) or (isinstance(number, int) and abs(number) > MAX_INTEGER):
            what = f"{text[:40]} is not a finite number that JSON can hold exactly"
            self._problem(place, what, "quote it to make it a string")
        return number

    def _check_depth(self, place: Place, depth: int) -> None:
        if len(self._path) + depth > MAX_DEPTH:
            self._stop(place, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")

    def _problem(self, place: Place, what: str, fix: str = "") -> None:
        self.problems.append(Problem(self._file, *place, key_text(tuple(self._path)), what, fix))

    def _stop(self, place: Place, what: str, fix: str = "") -> NoReturn:
        self._problem(place, what, fix)
        raise _Stop


def _container(value: Any, place: Place, nodes: list[_Node]) -> _Node:
    return _Node(value, place, 1 + sum(node.size for node in nodes), 1 + max((node.depth for node in nodes), default=0))


_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        if text[:2] in ("0o", "0x"):
            return int(text, 0)
        return int(text) if len(text) < 20 else math.inf  # too long to be exact, and slow to read
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return None


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _unfold(node: _Node, path: KeyPath, values: dict[KeyPath, Place], keys: dict[KeyPath, Place]) -> Any:
    """The plain value of a node; writes down the places of all that is in it."""
    values[path] = node.place
    if isinstance(node.value, list):
        return [_unfold(item, (*path, index), values, keys) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        keys.update(((*path, key), entry.key) for key, entry in node.value.items())
        return {key: _unfold(entry.node, (*path, key), values, keys) for key, entry in node.value.items()}
    return node.value
