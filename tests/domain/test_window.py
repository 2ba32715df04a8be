"""Windows of time and the grid that they are cut into."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidWindow
from domain.window import BucketWidth, Window

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
moments = st.integers(-(10**15), 10**15).map(lambda microseconds: NOON + timedelta(microseconds=microseconds))


def test_what_is_still_to_come_is_cut_off() -> None:
    assert Window.until_now(NOON - HOUR, NOON + HOUR, NOON) == Window(NOON - HOUR, NOON)
    assert Window.until_now(NOON - HOUR, NOON - MINUTE, NOON) == Window(NOON - HOUR, NOON - MINUTE)


@pytest.mark.parametrize(
    ("start", "end"), [(NOON, NOON), (NOON - MINUTE, NOON - HOUR), (NOON, NOON + HOUR), (NOON + HOUR, NOON + DAY)]
)
def test_a_window_of_no_past_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidWindow) as refused:
        Window.until_now(start, end, NOON)
    assert refused.value.field == "from"


@pytest.mark.parametrize(
    ("width", "begin", "following"),
    [
        (BucketWidth.FIVE_MINUTES, datetime(2026, 3, 14, 12, 5, tzinfo=UTC), datetime(2026, 3, 14, 12, 10, tzinfo=UTC)),
        (BucketWidth.HOUR, NOON, NOON + HOUR),
        (BucketWidth.DAY, datetime(2026, 3, 14, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)),
    ],
)
def test_buckets_begin_on_the_grid(width: BucketWidth, begin: datetime, following: datetime) -> None:
    within = datetime(2026, 3, 14, 12, 7, 30, tzinfo=UTC)
    assert (width.floor(within), width.ceil(within)) == (begin, following)
    assert (width.floor(begin), width.ceil(begin)) == (begin, begin)


def test_the_grid_is_utcs_whatever_zone_a_time_comes_in() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert BucketWidth.DAY.floor(NOON.astimezone(kathmandu)) == datetime(2026, 3, 14, tzinfo=UTC)


@given(st.tuples(moments, st.timedeltas(timedelta(microseconds=1), 3 * DAY)), st.sampled_from(BucketWidth))
def test_a_grid_tiles_its_window_and_every_part_lies_in_one_bucket(
    begun: tuple[datetime, timedelta], width: BucketWidth
) -> None:
    window = Window(begun[0], begun[0] + begun[1])
    parts = list(width.grid(window))
    assert len(parts) == width.bucket_count(window)
    assert (parts[0].start, parts[-1].end) == (window.start, window.end)
    for part, following in pairwise(parts):
        assert part.end == following.start == width.floor(following.start)
    for part in parts:
        assert part.start < part.end <= width.floor(part.start) + width.length
