"""How long history is kept, and in which detail: older history is kept in wider buckets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.window import BucketWidth, Grid, Window

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Dropped:
    """The time before which each detail has been dropped, however long the settings would keep it now."""

    offers: datetime = LONG_AGO
    steps: datetime = LONG_AGO
    five_minutes: datetime = LONG_AGO
    hours: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days before today each detail is kept; daily buckets are kept for ever.

    Offers are kept no longer than the steps, which record when offers were unknown, and steps no longer than buckets.
    """

    offer_days: int = 35
    step_days: int = 35
    five_minute_days: int = 90
    hourly_days: int = 730
    dropped: Dropped = Dropped()

    @property
    def offer_rows_kept(self) -> timedelta:
        """How long a sold-out offer is remembered: until none of its prices is kept."""
        return timedelta(days=self.offer_days + 1)

    def offers_since(self, now: datetime) -> datetime:
        """Return since when the offers' own prices are kept."""
        return max(_midnight(now, self.offer_days), self.dropped.offers)

    def steps_since(self, now: datetime) -> datetime:
        """Return since when every step of the best price is kept."""
        return max(_midnight(now, self.step_days), self.dropped.steps)

    def buckets_since(self, width: BucketWidth, now: datetime) -> datetime:
        """Return since when buckets of this width are kept, or can be made from steps."""
        match width:
            case BucketWidth.FIVE_MINUTES:
                return max(_midnight(now, self.five_minute_days), self.dropped.five_minutes)
            case BucketWidth.HOUR:
                return max(_midnight(now, self.hourly_days), self.dropped.hours)
            case BucketWidth.DAY:
                return LONG_AGO

    def finest(self, at: datetime, now: datetime) -> BucketWidth | None:
        """Return the narrowest buckets that are kept of this time; None if the steps are."""
        if at >= self.steps_since(now):
            return None
        return next(width for width in BucketWidth if at >= self.buckets_since(width, now))

    def snapped(self, window: Window, now: datetime, grid: Grid) -> Window:
        """Widen the window to the bounds of buckets, at each end where the steps have been dropped, and not beyond now.

        Raises:
            OverflowError: it would begin before the year 1.
        """
        start, end = window.start, window.end
        if self.finest(start, now) is not None:
            start = grid.floor(start)
        if self.finest(end, now) is not None:
            end = min(grid.ceil(end), now)
        return Window(start, end)

    def adding_up(self, bounds: Sequence[datetime], widths: Iterable[BucketWidth], now: datetime) -> BucketWidth | None:
        """Return the first of these widths whose kept buckets make up each stretch between ascending bounds exactly.

        None if there is none. Where steps are kept, the first stretch may begin and the last may end anywhere.
        """
        inner = bounds[1:-1]
        ends = [end for end in (bounds[0], bounds[-1]) if self.finest(end, now) is not None]
        for width in widths:
            if bounds[0] >= self.buckets_since(width, now) and all(at == width.floor(at) for at in (*ends, *inner)):
                return width
        return None

    def narrowed(self, window: Window, now: datetime) -> Window | None:
        """Narrow the window to the bounds of the narrowest kept buckets, at each end where the steps have been dropped.

        So nothing outside the window counts. None if it lies within one bucket.
        """
        start, end = window.start, window.end
        if (kept := self.finest(start, now)) is not None:
            start = kept.ceil(start)
        if (kept := self.finest(end, now)) is not None:
            end = kept.floor(end)
        return Window(start, end) if start < end else None


def _midnight(now: datetime, days_ago: int) -> datetime:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)
