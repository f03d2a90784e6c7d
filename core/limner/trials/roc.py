"""Thresholds from scores: the receiver operating characteristic of one signal over examples of what it should tell apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from limner.errors import ConfigurationError, UsageError

Z = 1.959964  # of the two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: the share of negatives and of positives with a score of at least that."""

    threshold: float
    false_positives: float
    true_positives: float


@dataclass(frozen=True, slots=True)
class Roc:
    """All thresholds worth choosing between, from the highest. The `area` under the curve is 1 for a perfect signal."""

    positives: tuple[float, ...]
    negatives: tuple[float, ...]
    points: tuple[Point, ...]
    area: float

    @classmethod
    def of(cls, positives: Sequence[float], negatives: Sequence[float]) -> Roc:
        """From the scores of examples. Raises UsageError where there are none of a kind."""
        if not positives or not negatives:
            raise UsageError("a threshold needs examples of both kinds", fix="give --positives and --negatives with images")
        points = tuple(_point(threshold, positives, negatives) for threshold in _thresholds([*positives, *negatives]))
        beaten = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
        return cls(tuple(positives), tuple(negatives), points, beaten / (len(positives) * len(negatives)))

    def choose(self, false_positives: float) -> Point:
        """The lowest threshold with at most that share of negatives over it."""
        return [point for point in self.points if point.false_positives <= false_positives][-1]

    def bound(self, point: Point) -> float:
        """The upper end of the 95 % interval (Wilson 1927) of a point's false positives: few examples promise little."""
        count, share = len(self.negatives), point.false_positives
        middle = share + Z * Z / (2 * count)
        reach = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
        return (middle + reach) / (1 + Z * Z / count)


def _thresholds(scores: Sequence[float]) -> list[float]:
    """Above all scores, then half way between each two that follow, then the lowest."""
    falling = sorted(set(scores), reverse=True)
    between = [(high + low) / 2 for high, low in pairwise(falling)]
    return [math.nextafter(falling[0], math.inf), *between, falling[-1]]


def _point(threshold: float, positives: Sequence[float], negatives: Sequence[float]) -> Point:
    over = [sum(score >= threshold for score in scores) / len(scores) for scores in (negatives, positives)]
    return Point(threshold, *over)


def plot(roc: Roc, chosen: Point, title: str, path: Path) -> None:
    """Draw the curve with the chosen threshold into an image file. Raises ConfigurationError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigurationError("plots need the package matplotlib", fix="pip install 'limner[plots]'") from error
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot(
        title=f"{title}: area {roc.area:.3f}", xlabel="false positives", ylabel="true positives", xlim=(0, 1), ylim=(0, 1.02)
    )
    axes.plot([point.false_positives for point in roc.points], [point.true_positives for point in roc.points])
    axes.plot(chosen.false_positives, chosen.true_positives, "o", label=f"at least {chosen.threshold:.4g}")
    axes.legend(loc="lower right")
    figure.savefig(path)
