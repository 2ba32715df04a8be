"""Hours, days, weeks and months of time zones, against a naive model of the clock and the calendar."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.prices.calendar import Interval, LocalBuckets
from domain.window import EPOCH, BucketWidth, Window

HOUR, DAY, QUARTER = timedelta(hours=1), timedelta(days=1), timedelta(minutes=15)
YEAR = 365 * DAY
ZONES = {
    name: ZoneInfo(name)
    for name in (
        "Europe/Prague",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        # Midnights that a clock skips, and a day that a calendar does.
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Pacific/Apia",
    )
}
SHOWN: dict[Interval, Callable[[datetime], object]] = {
    Interval.HOUR: lambda wall: (wall.date(), wall.hour, wall.utcoffset()),
    Interval.DAY: datetime.date,
    Interval.WEEK: lambda wall: wall.isocalendar()[:2],
    Interval.MONTH: lambda wall: (wall.year, wall.month),
}
"""What stays the same within a bucket and differs between neighbours; hours that a clock shows twice are two."""

# Whole quarters of hours, when all clocks of these zones are changed, with changes of the clock in most windows.
begins = st.integers(0, 16 * 365 * 96).map(lambda quarters: datetime(2011, 1, 1, tzinfo=UTC) + quarters * QUARTER)
lengths = st.integers(1, 9 * 96).map(lambda quarters: quarters * QUARTER)


def naive(zone: ZoneInfo, interval: Interval, window: Window) -> list[datetime]:
    """Look at the wall every quarter of an hour: a bucket begins where it shows something else."""
    quarters = [window.start + number * QUARTER for number in range((window.end - window.start) // QUARTER)]
    runs = groupby(quarters, lambda at: SHOWN[interval](at.astimezone(zone)))
    return [*(next(run) for _, run in runs), window.end]


def days(zone: str, start: str, end: str) -> Iterator[tuple[str, timedelta]]:
    """Return the first times of the days on the wall, and how long the days are."""
    place = ZoneInfo(zone)
    window = Window(*(datetime.fromisoformat(at).replace(tzinfo=place).astimezone(UTC) for at in (start, end)))
    for begin, following in pairwise(LocalBuckets(Interval.DAY, place).bounds(window)):
        yield begin.astimezone(place).isoformat(), following - begin


@given(
    name=st.sampled_from(sorted(ZONES)),
    interval=st.sampled_from([Interval.DAY, Interval.WEEK, Interval.MONTH]),
    start=begins,
    length=lengths,
)
def test_a_bucket_is_what_a_calendar_shows_as_one(
    name: str, interval: Interval, start: datetime, length: timedelta
) -> None:
    zone, window = ZONES[name], Window(start, start + length)
    assert LocalBuckets(interval, zone).bounds(window) == naive(zone, interval, window)


@given(name=st.sampled_from(sorted({*ZONES} - {"Australia/Lord_Howe"})), start=begins, length=lengths)
def test_an_hour_is_what_a_clock_shows_as_one(name: str, start: datetime, length: timedelta) -> None:
    zone, window = ZONES[name], Window(start, start + length)
    assert LocalBuckets(Interval.HOUR, zone).bounds(window) == naive(zone, Interval.HOUR, window)


@given(
    name=st.sampled_from(sorted(ZONES)),
    interval=st.sampled_from(Interval),
    start=st.timedeltas(-130 * YEAR, 500 * YEAR).map(lambda passed: EPOCH + passed),
    length=st.timedeltas(timedelta(microseconds=1), 3 * DAY),
)
def test_bounds_ascend_and_every_time_of_any_century_lies_in_one_bucket(
    name: str, interval: Interval, start: datetime, length: timedelta
) -> None:
    grid, window = LocalBuckets(interval, ZONES[name]), Window(start, start + length)
    bounds = grid.bounds(window)
    assert (bounds[0], bounds[-1]) == (window.start, window.end)
    assert all(earlier < later for earlier, later in pairwise(bounds))
    assert len(bounds) - 1 >= grid.at_least(window)
    for begin, following in pairwise(bounds[1:]):
        if following < window.end:
            assert grid.floor(begin) == grid.floor(following - timedelta(microseconds=1)) == begin
            assert grid.ceil(begin) == begin
            assert grid.ceil(begin + timedelta(microseconds=1)) == following
    assert grid.floor(start) <= start <= grid.ceil(start)


@given(interval=st.sampled_from(Interval), start=begins, length=lengths)
def test_in_utc_they_are_the_kept_buckets(interval: Interval, start: datetime, length: timedelta) -> None:
    window = Window(start, start + length)
    if width := interval.stored:
        bounds = LocalBuckets(interval, UTC).bounds(window)
        assert [Window(*ends) for ends in pairwise(bounds)] == list(width.grid(window))
    assert [each.stored for each in Interval] == [*BucketWidth, None, None]


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        (
            "Europe/Prague",
            "2026-10-24",
            "2026-10-27",
            [("2026-10-24T00:00:00+02:00", 24), ("2026-10-25T00:00:00+02:00", 25), ("2026-10-26T00:00:00+01:00", 24)],
        ),
        (
            "Europe/Prague",
            "2026-03-28",
            "2026-03-31",
            [("2026-03-28T00:00:00+01:00", 24), ("2026-03-29T00:00:00+01:00", 23), ("2026-03-30T00:00:00+02:00", 24)],
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-05",
            "2026-04-07",
            [("2026-04-05T00:00:00+11:00", 24.5), ("2026-04-06T00:00:00+10:30", 24)],
        ),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-05", [("2026-10-04T00:00:00+10:30", 23.5)]),
        (
            "America/Sao_Paulo",
            "2018-11-03",
            "2018-11-05",
            [("2018-11-03T00:00:00-03:00", 24), ("2018-11-04T01:00:00-02:00", 23)],
        ),
        (
            "Asia/Beirut",
            "2026-03-28",
            "2026-03-30",
            [("2026-03-28T00:00:00+02:00", 24), ("2026-03-29T01:00:00+03:00", 23)],
        ),
        (
            # From 23:30 to 00:30.
            "America/Toronto",
            "1919-03-30",
            "1919-04-01",
            [("1919-03-30T00:00:00-05:00", 23.5), ("1919-03-31T00:30:00-04:00", 23.5)],
        ),
        (
            "Pacific/Apia",
            "2011-12-29",
            "2012-01-01",
            [("2011-12-29T00:00:00-10:00", 24), ("2011-12-31T00:00:00+14:00", 24)],
        ),
    ],
)
def test_days_on_which_the_clock_or_the_calendar_is_changed(
    zone: str, start: str, end: str, expected: list[tuple[str, float]]
) -> None:
    assert list(days(zone, start, end)) == [(begin, hours * HOUR) for begin, hours in expected]


def test_an_hour_in_which_the_clock_is_moved_by_half_an_hour_has_90_minutes() -> None:
    zone = ZONES["Australia/Lord_Howe"]
    for day, change in ((date(2026, 4, 4), 15), (date(2026, 10, 3), 15)):
        changed = datetime(day.year, day.month, day.day, change, tzinfo=UTC)
        bounds = LocalBuckets(Interval.HOUR, zone).bounds(Window(changed - 4 * HOUR, changed + 4 * HOUR))
        lengths = [following - begin for begin, following in pairwise(bounds)][1:-1]
        assert sorted(set(lengths)) == [HOUR, 1.5 * HOUR]
        assert all(at.astimezone(zone).minute == 0 for at in bounds[1:-1])


def test_a_day_has_begun_though_the_clock_is_put_back_behind_its_midnight() -> None:
    # In St. John's, at one minute past midnight by an hour.
    days = LocalBuckets(Interval.DAY, ZoneInfo("America/St_Johns"))
    midnight = datetime(2006, 10, 29, 2, 30, tzinfo=UTC)
    assert [days.floor(midnight + passed) for passed in (0 * HOUR, HOUR / 2, 2 * HOUR)] == [midnight] * 3
    assert days.ceil(midnight + HOUR / 2) == midnight + 25 * HOUR


def test_before_the_year_1_there_is_nothing() -> None:
    with pytest.raises(OverflowError):
        LocalBuckets(Interval.DAY, ZONES["America/New_York"]).floor(datetime.min.replace(tzinfo=UTC))
