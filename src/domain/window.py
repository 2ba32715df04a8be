"""Stretches of time, half-open and in UTC, and the grid of buckets that they are cut into."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from domain.errors import InvalidWindow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The time `[start, end)`."""

    start: datetime
    end: datetime

    @classmethod
    def until_now(cls, start: datetime, end: datetime, now: datetime) -> Self:
        """Make a window of the past: the part that is still to come is cut off.

        Raises:
            InvalidWindow: it does not start before its end, or before now.
        """
        if start >= end:
            raise InvalidWindow("from", "The window must start before it ends.")
        if start >= now:
            raise InvalidWindow("from", "The window must start in the past.")
        return cls(start, min(end, now))

    @property
    def microseconds(self) -> int:
        """Its length."""
        return (self.end - self.start) // MICROSECOND


class Grid(Protocol):
    """A way to cut time into buckets."""

    def floor(self, at: datetime) -> datetime:
        """Return where the bucket that holds this time begins."""

    def ceil(self, at: datetime) -> datetime:
        """Return the first begin of a bucket that is not before this time."""


class BucketWidth(StrEnum):
    """How long the buckets of a grid in UTC are, of which prices are kept; every bucket lies in one day."""

    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def length(self) -> timedelta:
        """The width as a duration."""
        return _LENGTHS[self]

    def floor(self, at: datetime) -> datetime:
        """Return where the bucket that holds this time begins."""
        return at - (at - EPOCH) % self.length

    def ceil(self, at: datetime) -> datetime:
        """Return the first begin of a bucket that is not before this time."""
        return at + (EPOCH - at) % self.length

    def bucket_count(self, window: Window) -> int:
        """Return how many buckets the window touches."""
        return (self.ceil(window.end) - self.floor(window.start)) // self.length

    def grid(self, window: Window) -> Iterator[Window]:
        """Cut the window where buckets begin; the first and the last part may be shorter than a bucket."""
        start, end = window.start, self.floor(window.start) + self.length
        while start < window.end:
            yield Window(start, min(end, window.end))
            start, end = end, end + self.length


_LENGTHS = {
    BucketWidth.FIVE_MINUTES: timedelta(minutes=5),
    BucketWidth.HOUR: timedelta(hours=1),
    BucketWidth.DAY: timedelta(days=1),
}
