from limner_scenes.checker_errors import checker_report
from limner_scenes.swaps import SWAPS


def test_the_checker_keeps_to_two_errors_in_a_hundred_on_clean_blurred_and_noisy_renders() -> None:
    report = checker_report(100, seed=1)
    assert [result.condition for result in report] == ["clean", "blur, sigma 1 px", "noise, sigma 10"]
    for result in report:
        assert result.accepted.of == 100
        assert result.accepted.share >= 0.98
        assert set(result.refused) == set(SWAPS)
        assert all(rate.of >= 30 and rate.share >= 0.98 for rate in result.refused.values())
