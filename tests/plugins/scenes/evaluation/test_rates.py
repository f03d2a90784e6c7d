import pytest

from limner_scenes.evaluation.rates import Rate


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(10, 20, 0.2993, 0.7007), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (144, 200, 0.6541, 0.7776)],
)
def test_the_bounds_are_wilsons(right: int, of: int, low: float, high: float) -> None:
    rate = Rate(right, of)
    assert rate.share == right / of
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=2e-4)


def test_nothing_counted_says_nothing() -> None:
    assert (Rate(0, 0).low, Rate(0, 0).high) == (0.0, 1.0)
