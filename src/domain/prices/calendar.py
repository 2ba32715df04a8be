"""Buckets by the clock and the calendar of a time zone: hours, days, weeks and months."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from domain.window import BucketWidth, Window

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Interval(StrEnum):
    """The lengths of buckets, ascending; weeks are those of ISO 8601, from Monday on."""

    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"

    @property
    def stored(self) -> BucketWidth | None:
        """The width of the kept buckets that are its buckets in UTC; None for weeks and months, which are added up."""
        return next((width for width in BucketWidth if width == self.value), None)

    @property
    def usual_length(self) -> timedelta:
        """The length of nearly all of its buckets, of months the longest one."""
        return _USUAL[self]


@dataclass(frozen=True, slots=True)
class LocalBuckets:
    """The buckets of one interval in a time zone; times go in with any zone and come out in UTC.

    A day begins when its calendar first shows it: where midnight is skipped, with the time that comes instead. So a
    day on which the clock is changed has 23 or 25 hours, and a day that the zone skipped is no bucket. Hours, and
    stretches of five minutes, begin when the minute hand is there. An hour within which the clock is moved by half an
    hour has 90 minutes.
    """

    interval: Interval
    zone: tzinfo
    """Only `datetime.UTC` counts as UTC. Its weeks and months are added up from days, which are kept for ever."""

    @property
    def parts(self) -> tuple[BucketWidth, ...]:
        """The kept buckets that its buckets may be made up of, the widest first."""
        if self.zone is UTC:
            return (BucketWidth.DAY,)
        if self.interval is Interval.FIVE_MINUTES:
            return (BucketWidth.FIVE_MINUTES,)
        return (BucketWidth.HOUR, BucketWidth.FIVE_MINUTES)

    def floor(self, at: datetime) -> datetime:
        """Return where the bucket that holds this time begins.

        Raises:
            OverflowError: before the year 1.
        """
        if self._of_clock:
            return self._clock_floor(at)
        day = self._first_day(at)
        begin, end = self._begin(day), self._begin(self._following(day))
        while end <= at:
            # Right after midnight the clock was moved back behind it, but the new day has begun.
            day = self._following(day)
            begin, end = end, self._begin(self._following(day))
        return begin

    def ceil(self, at: datetime) -> datetime:
        """Return the first begin of a bucket that is not before this time."""
        begin = self.floor(at)
        return at if begin == at else next(self._begins_after(begin))

    def bounds(self, window: Window) -> list[datetime]:
        """Cut the window where buckets begin: its start, what lies between, and its end.

        The first and the last bucket may reach beyond the window.
        """
        bounds = [window.start]
        for begin in self._begins_after(self.floor(window.start)):
            if begin >= window.end:
                break
            bounds.append(begin)
        return [*bounds, window.end]

    def at_least(self, window: Window) -> int:
        """Return how many buckets the window touches at least, without cutting it."""
        return max((window.end - window.start - DAY) // self.interval.usual_length, 1)

    @property
    def _of_clock(self) -> bool:
        return self.interval in (Interval.FIVE_MINUTES, Interval.HOUR)

    def _begins_after(self, begin: datetime) -> Iterator[datetime]:
        """Yield the begins of all buckets after the one that begins here, without an end."""
        if self._of_clock:
            while True:
                begin = self._clock_next(begin)
                yield begin
        day = self._first_day(begin)
        while True:
            day = self._following(day)
            following = self._begin(day)
            if following > begin:
                yield following
                begin = following

    def _clock_floor(self, at: datetime) -> datetime:
        begin = at - self._past(at)
        return begin - self._past(begin)

    def _clock_next(self, begin: datetime) -> datetime:
        length = self.interval.usual_length
        following = begin + length
        past = self._past(following)
        return following + (length - past) if past else following

    def _past(self, at: datetime) -> timedelta:
        """Return for how long the bucket's first minute has passed on the clock."""
        return (_wall(at, self.zone) - datetime.combine(date.min, time())) % self.interval.usual_length

    def _first_day(self, at: datetime) -> date:
        day = _wall(at, self.zone).date()
        if self.interval is Interval.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.interval is Interval.MONTH else day

    def _following(self, day: date) -> date:
        if self.interval is Interval.MONTH:
            return (day + timedelta(days=31)).replace(day=1)
        return day + self.interval.usual_length

    def _begin(self, day: date) -> datetime:
        """Return the first time at which the zone's calendar shows this day, or a later one if it skips it."""
        midnight = datetime.combine(day, time())
        at = midnight.replace(tzinfo=self.zone).astimezone(UTC)
        if _wall(at, self.zone) == midnight:
            return at
        # The clock skips midnight. The offsets before and after that give times on both sides of the moment.
        before = midnight.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        seconds = range((at - before) // SECOND)
        return (
            before + bisect_left(seconds, midnight, key=lambda each: _wall(before + each * SECOND, self.zone)) * SECOND
        )


def _wall(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


_USUAL = {
    Interval.FIVE_MINUTES: timedelta(minutes=5),
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(days=7),
    Interval.MONTH: timedelta(days=31),
}
