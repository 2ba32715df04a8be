"""Verdicts on a price: by exact quartiles, and by samples at regular times."""

import pytest

from domain.price_statistics import Verdict, verdict_by_samples


@pytest.mark.parametrize(
    ("current", "expected"),
    [(99, Verdict.LOW), (100, Verdict.TYPICAL), (300, Verdict.TYPICAL), (301, Verdict.HIGH)],
)
def test_samples_judge_by_their_quartiles(current: int, expected: Verdict) -> None:
    assert verdict_by_samples([300, 200, 100, 400], current) is expected


def test_too_few_known_samples_judge_nothing() -> None:
    assert verdict_by_samples([], 1) is None
    assert verdict_by_samples([None, None], 1) is None
    assert verdict_by_samples([5, 5, 5, None, 5], 5) is Verdict.TYPICAL
    assert verdict_by_samples([5, 5, 5, None, None], 5) is None
