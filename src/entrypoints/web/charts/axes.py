"""Ticks of a chart's axes: round prices, and times at which clocks and calendars are round in the viewer's zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from domain.window import Window

MOST_PRICE_TICKS = 5
MOST_TIME_TICKS = 7
DAY = timedelta(days=1)
_STEPS = (
    *(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 5, 7, 14, 30, 60, 120, 365, 730, 1_825, 3_650)),
)


def price_ticks(low: float, high: float) -> list[int]:
    """Return at most five whole round prices within the bounds."""
    step = 1
    for exponent in range(25):
        for factor in (1, 2, 5):
            step = factor * 10**exponent
            if (high - low) / step < MOST_PRICE_TICKS:
                first = -(-int(low) // step) * step
                ticks = range(first, int(high) + 1, step)
                return [tick for tick in ticks if low <= tick <= high]
    return []


def time_ticks(window: Window, zone: tzinfo) -> tuple[list[datetime], bool]:
    """Return at most eight round times of the window, in UTC, and whether they are days."""
    length = window.end - window.start
    step = next((step for step in _STEPS if length / step <= MOST_TIME_TICKS), _STEPS[-1])
    return [at for at in _local_times(window, zone, step) if window.start <= at < window.end], step >= DAY


def _local_times(window: Window, zone: tzinfo, step: timedelta) -> Iterator[datetime]:
    # Wall clocks: the hours of a day on which the clock changes are still the round ones.
    wall = window.start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    if step >= DAY:
        days = step // DAY
        wall -= timedelta(days=wall.toordinal() % days)
    for _ in range(1_000):
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        if at >= window.end:
            return
        yield at
        wall += step
