"""Comparing two things side by side: interleaved pairs, medians, and the spread of the ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pairs:
    """Seconds of `ours` and `theirs`, run by run."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over pairs of ours divided by theirs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def difference(self) -> float:
        """The median over pairs of ours minus theirs, in seconds."""
        return statistics.median(a - b for a, b in zip(self.ours, self.theirs, strict=True))

    def line(self, name: str) -> str:
        """One line of a report."""
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        ratios = sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))
        quarter = len(ratios) // 4
        return (
            f"{name}: ours {ours:.4f} s, theirs {theirs:.4f} s, ratio {self.ratio:.3f} "
            f"(quartiles {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f}, {len(ratios)} pairs)"
        )


def interleave(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> Pairs:
    """Run both in turn, which one first alternating from pair to pair."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for pair in range(pairs):
        for mine in (True, False) if pair % 2 else (False, True):
            start = time.perf_counter()
            (ours if mine else theirs)()
            taken[mine].append(time.perf_counter() - start)
    return Pairs(tuple(taken[True]), tuple(taken[False]))
