from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import UsageError
from limner.trials.roc import Roc, plot


def test_the_lowest_threshold_within_the_false_alarms_allowed() -> None:
    roc = Roc.of([0.9, 0.8, 0.4], [0.5, 0.3, 0.2, 0.1])
    strict, loose = roc.choose(0.0), roc.choose(0.25)
    assert (strict.threshold, strict.true_positives) == (0.65, pytest.approx(2 / 3))
    assert (loose.threshold, loose.true_positives) == (pytest.approx(0.35), 1.0)
    assert roc.area == pytest.approx(11 / 12)


def test_equal_scores_tell_nothing_apart() -> None:
    roc = Roc.of([0.5, 0.5], [0.5, 0.5])
    assert roc.area == 0.5
    assert roc.choose(0.02).true_positives == 0.0


def test_few_examples_promise_little() -> None:
    few, many = Roc.of([1.0], [0.0] * 10), Roc.of([1.0], [0.0] * 1000)
    assert few.bound(few.choose(0.0)) > 0.2
    assert many.bound(many.choose(0.0)) < 0.005


def test_without_examples_of_both_kinds_there_is_no_threshold() -> None:
    with pytest.raises(UsageError, match="both kinds"):
        Roc.of([0.5], [])


def test_the_curve_is_drawn_into_a_file(tmp_path: Path) -> None:
    roc = Roc.of([0.9, 0.8], [0.5, 0.3])
    plot(roc, roc.choose(0.0), "clip.sword at image", tmp_path / "roc.png")
    assert (tmp_path / "roc.png").read_bytes().startswith(b"\x89PNG")
