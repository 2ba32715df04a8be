"""What is kept of the past, and how windows widen where only buckets are."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.prices.calendar import Interval, LocalBuckets
from domain.prices.retention import Dropped, Retention
from domain.window import BucketWidth, Window

NOW = datetime(2026, 3, 14, 12, 7, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 14, tzinfo=UTC)
DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
KEPT = Retention(offer_days=1, step_days=2, five_minute_days=3, hourly_days=4)


def test_whole_days_before_today_are_kept() -> None:
    assert KEPT.offers_since(NOW) == MIDNIGHT - DAY
    assert KEPT.steps_since(NOW) == MIDNIGHT - 2 * DAY
    assert KEPT.buckets_since(BucketWidth.FIVE_MINUTES, NOW) == MIDNIGHT - 3 * DAY
    assert KEPT.buckets_since(BucketWidth.HOUR, NOW) == MIDNIGHT - 4 * DAY
    assert KEPT.buckets_since(BucketWidth.DAY, NOW).year == 1


@pytest.mark.parametrize(
    ("days", "finest"),
    [
        (0, None),
        (2, None),
        (3, BucketWidth.FIVE_MINUTES),
        (4, BucketWidth.HOUR),
        (5, BucketWidth.DAY),
        (100_000, BucketWidth.DAY),
    ],
)
def test_the_older_the_wider_the_buckets(days: int, finest: BucketWidth | None) -> None:
    assert KEPT.finest(MIDNIGHT - days * DAY, NOW) is finest
    if finest is not None:
        assert KEPT.finest(MIDNIGHT - (days - 1) * DAY - MICROSECOND, NOW) is finest


def test_a_window_whose_steps_are_kept_stays_as_it_is() -> None:
    window = Window(KEPT.steps_since(NOW), NOW)
    assert KEPT.snapped(window, NOW, BucketWidth.DAY) == window


def test_a_width_decides_where_an_end_is_widened() -> None:
    window = Window(MIDNIGHT - 3 * DAY + timedelta(hours=7), NOW)
    assert KEPT.snapped(window, NOW, BucketWidth.DAY) == Window(MIDNIGHT - 3 * DAY, NOW)


def test_an_end_is_never_widened_into_what_is_kept_exactly() -> None:
    last = KEPT.steps_since(NOW) - MICROSECOND
    for width in BucketWidth:
        assert KEPT.snapped(Window(last - DAY, last), NOW, width).end == KEPT.steps_since(NOW)


def test_what_is_gone_already_is_not_kept_however_long_things_are_to_be_kept() -> None:
    gone = Dropped(offers=MIDNIGHT - 1 * DAY, steps=MIDNIGHT - 2 * DAY, five_minutes=MIDNIGHT - 3 * DAY)
    kept = Retention(dropped=gone)
    assert kept.offers_since(NOW) == MIDNIGHT - DAY
    assert kept.finest(MIDNIGHT - 2 * DAY, NOW) is None
    assert kept.finest(MIDNIGHT - 3 * DAY, NOW) is BucketWidth.FIVE_MINUTES
    assert kept.finest(MIDNIGHT - 4 * DAY, NOW) is BucketWidth.HOUR
    assert Retention(dropped=Dropped(hours=MIDNIGHT)).finest(MIDNIGHT - 700 * DAY, NOW) is BucketWidth.DAY


def test_stretches_are_made_up_of_the_widest_kept_buckets_that_end_where_they_do() -> None:
    hour, five = BucketWidth.HOUR, BucketWidth.FIVE_MINUTES

    def found(days: float, *bounds: timedelta) -> BucketWidth | None:
        begin = MIDNIGHT - days * DAY
        return KEPT.adding_up([begin, *(begin + bound for bound in bounds), NOW], (hour, five), NOW)

    assert found(3, timedelta(hours=23)) is hour
    assert found(3, timedelta(hours=23), timedelta(hours=23, minutes=15)) is five
    assert found(3, timedelta(hours=23), timedelta(hours=23, minutes=16)) is None
    assert found(4, timedelta(hours=23)) is hour
    assert found(4, timedelta(hours=23, minutes=15)) is None
    assert found(4 + 1 / 24) is None
    # Where the steps are kept, the window may begin and end anywhere.
    assert found(1.23456, timedelta(hours=1.23456)) is None
    assert found(1.23456) is hour


def test_a_window_is_widened_to_no_time_that_is_still_to_come() -> None:
    last = KEPT.steps_since(NOW) - MICROSECOND
    month = LocalBuckets(Interval.MONTH, UTC)
    assert KEPT.snapped(Window(last - DAY, last), NOW, month) == Window(datetime(2026, 3, 1, tzinfo=UTC), NOW)
