"""Stretches of a price, as charts and tables show them, from steps and buckets alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.prices.views import PriceBucketView, PriceHistoryView, PricePointView
from domain.price import PriceState


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one state; of a bucket, `price` is the last one in it and `low` and `high` are its extremes."""

    start: datetime
    end: datetime
    state: PriceState
    price: int | None
    low: int | None
    high: int | None


def segments(view: PriceHistoryView, points: Sequence[PricePointView | PriceBucketView]) -> list[Segment]:
    """Return the stretches of one series of the view."""
    ends = [*(point.at for point in points[1:]), view.window.end]
    return [_segment(point, end) for point, end in zip(points, ends, strict=False)]


def _segment(point: PricePointView | PriceBucketView, end: datetime) -> Segment:
    if isinstance(point, PricePointView):
        return Segment(point.at, end, point.state, point.price, point.price, point.price)
    price = point.close
    if price is None and point.average is not None:
        price = round(point.average)
    if price is not None:
        return Segment(point.at, end, PriceState.IN_STOCK, price, point.min, point.max)
    state = PriceState.OUT_OF_STOCK if point.coverage else PriceState.UNKNOWN
    return Segment(point.at, end, state, None, None, None)
