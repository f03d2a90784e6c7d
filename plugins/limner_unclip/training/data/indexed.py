"""Captioned pictures that lie somewhere, each known by name: which are held out, which a pool takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner import ConfigurationError, InvalidFile, Problem

MOST_PROBLEMS = 20
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture by its name in the whole set, with its captions; `home` is the file that holds it."""

    name: str
    captions: tuple[str, ...]
    home: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures with captions and no known facts; see `Captioned`."""

    pictures: NDArray[np.uint8]
    captions: list[list[str]]
    shown: NDArray[np.int64]
    stated: NDArray[np.int64]
    turns: None = None
    group: int = 1


Reader = Callable[[Sequence[Entry], int], Iterator[NDArray[np.uint8]]]
"""Reads the pictures of entries at a size, in their order."""


class Indexed:
    """A source over entries that were checked. Which are held out follows from their names alone, so it never changes."""

    def __init__(self, what: str, entries: Sequence[Entry], read: Reader, held_out: float) -> None:
        if not entries:
            raise ConfigurationError("holds no captioned picture", where=what, fix="put pictures and captions there")
        self._what, self._read = what, read
        by_hash = sorted(entries, key=lambda entry: hashlib.sha256(entry.name.encode()).digest())
        kept = max(1, round(held_out * len(entries))) if held_out else 0
        self._held_out, self._training = by_hash[:kept], by_hash[kept:]
        if not self._training:
            raise ConfigurationError("has too few pictures to hold any out", where=what, fix="add some, or set held_out: 0")

    @property
    def held_out(self) -> int:
        """How many pictures are never trained on."""
        return len(self._held_out)

    def words(self) -> Sequence[str]:
        """All words of all captions."""
        entries = (*self._training, *self._held_out)
        return sorted({word for entry in entries for text in entry.captions for word in WORD.findall(text.lower())})

    def draw(self, rng: np.random.Generator, n: int, side: int, *, held_out: bool = False) -> Drawn:
        """n of the pictures at random, each once; all of them where there are no more."""
        entries = self._held_out if held_out else self._training
        if not entries:
            raise ConfigurationError("no picture is held out", where=self._what, fix="set data.held_out above 0")
        chosen = [entries[i] for i in rng.choice(len(entries), min(n, len(entries)), replace=False)]
        wordings = max(len(entry.captions) for entry in chosen)
        captions = [[entry.captions[k % len(entry.captions)] for k in range(wordings)] for entry in chosen]
        nothing = np.zeros((len(chosen), 0), np.int64)
        return Drawn(
            np.stack(list(self._read(chosen, side))), captions, nothing, np.zeros((len(chosen), wordings, 0), np.int64)
        )

    def described(self) -> str:
        """How many pictures, and the hash over names and captions."""
        lines = sorted(f"{entry.name}\t{entry.captions}\n" for entry in (*self._training, *self._held_out))
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        return (
            f"{len(self._training):,} captioned pictures from {self._what}, and {len(self._held_out):,} held out. "
            f"SHA-256 over names and captions: `{digest}`."
        )


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise InvalidFile if there are problems; past the first ones only their number is told."""
    if len(problems) > MOST_PROBLEMS:
        last = problems[-1]
        more = Problem(last.file, 0, 0, "", f"and {len(problems) - MOST_PROBLEMS} more mistakes like these")
        raise InvalidFile([*problems[:MOST_PROBLEMS], more])
    if problems:
        raise InvalidFile(problems)
