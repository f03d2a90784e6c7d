"""A folder of pictures with their captions in a metadata.jsonl: the form that the imagefolder of Hugging Face's datasets has.

Each line of the file is a JSON object with `file_name`, relative to the folder, and `text`, a caption or a list of captions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner import ConfigurationError, Problem
from limner_unclip.training.data.captions import captions_of
from limner_unclip.training.data.indexed import Entry, Indexed, raise_problems
from limner_unclip.training.data.picture import SUFFIXES, complaint, read_picture

METADATA = "metadata.jsonl"


def folder_source(folder: Path, *, held_out: float, convert: bool) -> Indexed:
    """The pictures of a folder. Raises InvalidFile with all mistakes, ConfigurationError where it has no metadata."""
    index = _Index(folder, convert=convert)
    raise_problems(index.problems)

    def read(entries: Sequence[Entry], side: int) -> Iterator[NDArray[np.uint8]]:
        for entry in entries:
            path = folder / entry.name
            yield read_picture(path, side, convert=convert, where=str(path))

    return Indexed(f"the folder {folder}", index.entries, read, held_out)


class _Index:
    """What metadata.jsonl says, and what is wrong with it or with the pictures it names."""

    def __init__(self, folder: Path, *, convert: bool) -> None:
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self._named: set[str] = set()
        self._folder, self._file, self._convert = folder, folder / METADATA, convert
        for number, line in enumerate(self._lines(), start=1):
            if line.strip():
                self._take(number, line)
        self._find_uncaptioned()

    def _lines(self) -> list[str]:
        try:
            return self._file.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"cannot be read: {error}", where=str(self._file), fix="write one: see docs/training.md"
            ) from error

    def _take(self, number: int, line: str) -> None:
        try:
            name, captions = _row(line)
        except ValueError as error:
            self._problem(number, str(error), 'a line reads {"file_name": "1.png", "text": "a caption"}')
            return
        if name in self._named:
            self._problem(number, f"{name} stands twice", "keep one line for a picture; `text` may be a list")
        elif not (self._folder / name).is_file():
            self._problem(number, f"there is no picture {name}", "add the picture, or remove this line")
        else:
            self._check(number, name)
            self.entries.append(Entry(name, captions, str(self._file)))
        self._named.add(name)

    def _check(self, number: int, name: str) -> None:
        what, fix = complaint(self._folder / name, convert=self._convert)
        if what:
            self._problem(number, f"{name} {what}", fix)

    def _find_uncaptioned(self) -> None:
        for path in sorted(path for path in self._folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            if path.relative_to(self._folder).as_posix() not in self._named:
                fix = f"add a line for it to {METADATA}, or remove it"
                self.problems.append(Problem(str(path), 0, 0, "", "has no caption", fix))

    def _problem(self, line: int, what: str, fix: str) -> None:
        self.problems.append(Problem(str(self._file), line, 1, "", what, fix))


def _row(line: str) -> tuple[str, tuple[str, ...]]:
    """File name and captions of one line. Raises ValueError telling what is wrong with it."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
        raise ValueError("has no file_name")
    try:
        return row["file_name"], captions_of(row.get("text"))
    except ValueError as error:
        raise ValueError(f"{row['file_name']} {error}") from None
