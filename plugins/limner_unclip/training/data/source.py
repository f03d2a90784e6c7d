"""Captioned pictures to train on: what a source must offer, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limner import ConfigurationError
from limner_unclip.training.recipe import Data

ENTRY_POINTS = "limner_unclip.sources"


class Turns(Protocol):
    """For each picture a turn of its hues that shows nothing its source holds out, and what no turn changes."""

    @property
    def matrices(self) -> NDArray[np.float32]:
        """(n, 3, 3), to be applied to RGB; they leave grey as it is."""
        ...

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(facts,): those that a picture still shows when its hues are turned."""
        ...


class Captioned(Protocol):
    """Pictures with their captions, in groups of `group` neighbours that differ little: each other's hard negatives.

    A caption is true of its own picture, of every picture that has the same caption, and of every picture that shows all
    the facts it states; a source that knows no facts has none, and `shown` and `stated` are empty.
    """

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """sRGB uint8, (n, side, side, 3)."""
        ...

    @property
    def captions(self) -> list[list[str]]:
        """The same number of wordings for each picture."""
        ...

    @property
    def shown(self) -> NDArray[np.int64]:
        """(n, facts): class numbers, -1 for a fact the picture does not have."""
        ...

    @property
    def stated(self) -> NDArray[np.int64]:
        """(n, wordings, facts): class numbers, -1 where the wording says nothing."""
        ...

    @property
    def turns(self) -> Turns | None:
        """How its pictures' hues can be turned; None where the source does not know what that would show."""
        ...

    @property
    def group(self) -> int:
        """How many neighbours make a group."""
        ...


class PictureStream(Protocol):
    """Pictures drawn by a program, as many as are asked for. Packages register theirs as entry points."""

    def words(self) -> Sequence[str]:
        """The words captions are made of; each becomes one token."""

    def draw(self, rng: np.random.Generator, n: int, side: int) -> Captioned:
        """At least n pictures of side × side pixels, in whole groups; the same state of `rng` gives the same ones."""


class PictureSource(Protocol):
    """Where the stages' pictures come from."""

    def words(self) -> Sequence[str]:
        """The words captions are made of; each becomes one token."""

    def draw(self, rng: np.random.Generator, n: int, side: int, *, held_out: bool = False) -> Captioned:
        """About n pictures of side × side pixels, fewer where there are no more; `held_out`, of those never trained on."""

    @property
    def held_out(self) -> int | None:
        """How many pictures are never trained on; None where that is as many as anybody asks for."""

    def described(self) -> str:
        """One sentence for the model card: what the pictures are, how many, and their hash."""


class Streamed:
    """A stream as a source. It has no end, so pictures drawn from another seed are as good as held out."""

    held_out = None

    def __init__(self, name: str, stream: PictureStream) -> None:
        self._name, self._stream = name, stream

    def words(self) -> Sequence[str]:
        """The stream's words."""
        return self._stream.words()

    def draw(self, rng: np.random.Generator, n: int, side: int, *, held_out: bool = False) -> Captioned:
        """At least n pictures."""
        return self._stream.draw(rng, n, side)

    def described(self) -> str:
        """The stream's name: it has no pictures to count or hash."""
        return f"Drawn without end by the stream `{self._name}`."


def find_source(data: Data) -> PictureSource:
    """The source that a recipe names. Raises ConfigurationError for an unknown stream, and for faulty folders and tars."""
    from limner_unclip.training.data.folder import folder_source
    from limner_unclip.training.data.tars import tar_source

    if data.folder is not None:
        return folder_source(Path(data.folder), held_out=data.held_out, convert=data.convert)
    if data.tars is not None:
        return tar_source(data.tars, held_out=data.held_out, convert=data.convert)
    assert data.source is not None, "the recipe was checked to name one"
    return Streamed(data.source, find_stream(data.source))


def find_stream(name: str) -> PictureStream:
    """The stream that an installed package registers under a name. Raises ConfigurationError for any other."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigurationError(f"there is no picture source {name!r}", fix=f"installed ones for data.source: {known}")
    make: Callable[[], PictureStream] = found[name].load()
    return make()
