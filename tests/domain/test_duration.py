"""Durations as they are written."""

from datetime import timedelta

import pytest

from domain.duration import written


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(days=7), "P7D"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(days=1, seconds=1), "P1DT1S"),
        (timedelta(seconds=0.5), "PT0.5S"),
        (timedelta(minutes=1, microseconds=10), "PT1M0.00001S"),
    ],
)
def test_a_duration_is_written_whole(length: timedelta, text: str) -> None:
    assert written(length) == text
