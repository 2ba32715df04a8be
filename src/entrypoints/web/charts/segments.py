"""Stretches of a price, as charts and tables show them, from steps and buckets alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

from application.prices.price_history import ReadPriceHistory, in_finest_interval
from application.prices.views import PriceBucketView, PriceHistoryView, PricePointView
from domain.errors import BeyondRetention
from domain.prices.price import PriceState
from domain.prices.retention import Retention
from domain.window import Window
from entrypoints.web.formats import Formats

LONGEST_HOUR = timedelta(hours=2)
"""Hours in which a clock is put back last longer than one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one state; of a bucket, `price` is the last one in it and `low` and `high` are its extremes."""

    start: datetime
    end: datetime
    state: PriceState
    price: int | None
    low: int | None
    high: int | None
    summed: bool = False
    """Whether it sums up a bucket: then its changes are of some time within."""

    def moment(self, formats: Formats) -> str:
        """Write when it begins; of days and longer stretches the day alone, because nothing happened at midnight."""
        if self.summed and self.end - self.start > LONGEST_HOUR:
            return formats.day(self.start)
        return formats.moment(self.start)


async def in_days_of(
    zone: tzinfo, read: ReadPriceHistory, product_id: UUID, window: Window, kept: Retention | None = None
) -> tuple[PriceHistoryView, tzinfo]:
    """Return the history in days of the zone, or of UTC where the zone's are not kept, and which of the two."""
    try:
        return await in_finest_interval(read, product_id, window, zone, kept), zone
    except BeyondRetention:
        return await in_finest_interval(read, product_id, window, retention=kept), UTC


def series(history: PriceHistoryView) -> list[list[Segment]]:
    """Return the stretches of each series."""
    return [segments(history, each.points) for each in history.series or []]


def segments(view: PriceHistoryView, points: Sequence[PricePointView | PriceBucketView]) -> list[Segment]:
    """Return the stretches of one series of the view."""
    steps = [point for point in points if isinstance(point, PricePointView)]
    ends = [*(point.at for point in steps[1:]), view.window.end]
    return [
        *(
            Segment(step.at, end, step.state, step.price, step.price, step.price)
            for step, end in zip(steps, ends, strict=False)
        ),
        *(_of_bucket(point) for point in points if isinstance(point, PriceBucketView)),
    ]


def _of_bucket(point: PriceBucketView) -> Segment:
    price = point.close
    if price is None and point.average is not None:
        price = round(point.average)
    if price is not None:
        return Segment(point.start, point.end, PriceState.IN_STOCK, price, point.min, point.max, summed=True)
    state = PriceState.OUT_OF_STOCK if point.coverage else PriceState.UNKNOWN
    return Segment(point.start, point.end, state, None, None, None, summed=True)
