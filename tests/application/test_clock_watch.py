"""Two clocks compared over a way that takes time."""

from datetime import datetime, timedelta

import pytest

from application.clock_watch import ClockWatch
from fakes.storage import NOON

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("asked_at", "storage", "answered_at", "ahead", "too_far"),
    [
        (0, 0, 0, 0, False),
        (0, 5, 10, 0, False),
        (0, 200, 600, 0, False),
        (0, -1, 0, 1, False),
        (0, -60, 500, 60, False),
        (0, -61, 500, 61, True),
        (0, 560, 500, -60, False),
        (0, 561, 500, -61, True),
        (0, -800 * 86_400, 1, 800 * 86_400, True),
    ],
)
async def test_only_what_the_way_cannot_explain_counts(
    asked_at: int, storage: int, answered_at: int, ahead: int, too_far: bool
) -> None:
    times, noted = [asked_at, answered_at], []

    async def storage_time() -> datetime:
        return NOON + storage * SECOND

    def note(ahead: timedelta, *, too_far: bool) -> None:
        noted.append((ahead, too_far))

    watch = ClockWatch(lambda: NOON + times.pop(0) * SECOND, storage_time, note)
    assert await watch.ask() is watch.too_far is too_far
    assert noted == [(ahead * SECOND, too_far)]
