"""Captioned pictures to train on: what a source must offer, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limner import ConfigurationError

ENTRY_POINTS = "limner_unclip.sources"


class Captioned(Protocol):
    """Pictures with their captions, in groups of `group` neighbours that differ little: each other's hard negatives.

    A caption is known to be true of every picture that shows all it states.
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
    def group(self) -> int:
        """How many neighbours make a group."""
        ...


class PictureSource(Protocol):
    """Where captioned pictures come from."""

    def words(self) -> Sequence[str]:
        """The words captions are made of; each becomes one token."""

    def draw(self, rng: np.random.Generator, n: int, side: int) -> Captioned:
        """At least n pictures of side × side pixels, in whole groups; the same state of `rng` gives the same ones."""


def find_source(name: str) -> PictureSource:
    """The source that an installed package registers under a name. Raises ConfigurationError for any other."""
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigurationError(f"there is no picture source {name!r}", fix=f"installed ones for data.source: {known}")
    make: Callable[[], PictureSource] = found[name].load()
    return make()
