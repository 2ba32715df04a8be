"""Answers about prices over time: the views under the contract's names, as Python cannot name a field `from`."""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal, Self, TypeAlias
from uuid import UUID

import msgspec

from application.prices.views import (
    OfferHistoryView,
    PriceAtView,
    PriceChangeView,
    PriceHistoryView,
    PricePointView,
    PriceStatisticsView,
    StepSeriesView,
)
from domain.prices.change import Direction, Reason
from domain.prices.history import Extreme
from domain.prices.statistics import Verdict


class PriceStepsResponse(msgspec.Struct, frozen=True):
    """Every change of price in the window; `reason` says why there are no series."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    interval: Literal["raw"]
    series: list[StepSeriesView] | None
    reason: Reason | None


class PriceBucketResponse(msgspec.Struct, frozen=True):
    """A stretch of time, `from` and `to` with the offsets of its time zone; `at` is `from` in UTC.

    `open` and `close` are the prices in force at its start and at its end, null where there was none. The average is
    weighted by time, `in_stock_share` is of the known time, and `coverage` is the known share of the stretch.
    """

    at: datetime
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    open: int | None
    close: int | None
    min: int | None
    max: int | None
    average: Decimal | None
    in_stock_share: float | None
    coverage: float | None


class BucketSeriesResponse(msgspec.Struct, frozen=True):
    """The best price (`offer_id` is null) or one offer's price in buckets, an offer's where it was in stock."""

    offer_id: UUID | None
    points: list[PriceBucketResponse]


class PriceBucketsResponse(msgspec.Struct, frozen=True):
    """Prices in buckets of time; `reason` says why there are no series.

    The window is the requested one, widened to bounds of buckets where only these are kept.
    """

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    interval: Literal["5m", "1h", "1d", "1w", "1mo"]
    series: list[BucketSeriesResponse] | None
    reason: Reason | None


PriceHistoryResponse: TypeAlias = PriceStepsResponse | PriceBucketsResponse


def show_price_history(view: PriceHistoryView, zone: tzinfo = UTC) -> PriceHistoryResponse:
    """Show the view, as steps, or in buckets that are of this zone."""
    shown: Any = PriceStepsResponse
    series: Any = view.series
    if view.interval != "raw":
        shown = PriceBucketsResponse
        series = view.series and [_bucket_series(each, zone) for each in view.series]
    response: PriceHistoryResponse = shown(view.window.start, view.window.end, view.interval, series, view.reason)
    return response


def _bucket_series(series: Any, zone: tzinfo) -> BucketSeriesResponse:
    return BucketSeriesResponse(
        series.offer_id,
        [
            PriceBucketResponse(
                each.start,
                each.start.astimezone(zone),
                each.end.astimezone(zone),
                each.open,
                each.close,
                each.min,
                each.max,
                each.average,
                each.in_stock_share,
                each.coverage,
            )
            for each in series.points
        ],
    )


class PriceChangeResponse(msgspec.Struct, frozen=True):
    """The best price in force at the end of the window against the one at its start; negative is cheaper.

    `reason` says why something is null.
    """

    before: PriceAtView = msgspec.field(name="from")
    after: PriceAtView = msgspec.field(name="to")
    change: int | None
    change_percent: Decimal | None
    direction: Direction | None
    reason: Reason | None

    @classmethod
    def of(cls, view: PriceChangeView) -> Self:
        """Show the view."""
        return cls(view.before, view.after, view.change, view.change_percent, view.direction, view.reason)


class PriceStatisticsResponse(msgspec.Struct, frozen=True):
    """The best price over the window, weighted by the time in stock; `current` is in force at its end.

    `percentile` is the share of that time at higher prices than the current one; `coverage` is the known share of the
    window, `out_of_stock_share` is of the known time. `min` and `max` were reached at their times for the last time.
    The verdict needs 7 days of which 0.8 are known: `low` is below the lower quartile, `high` above the upper one.
    """

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    current: int | None
    average: Decimal | None
    median: int | None
    p25: int | None
    p75: int | None
    min: Extreme | None
    max: Extreme | None
    percentile: float | None
    out_of_stock_share: float | None
    coverage: float | None
    verdict: Verdict | None
    reason: Reason | None

    @classmethod
    def of(cls, view: PriceStatisticsView) -> Self:
        """Show the view."""
        numbers = [getattr(view, name) for name in cls.__struct_fields__[2:]]
        return cls(view.window.start, view.window.end, *numbers)


class OfferResponse(msgspec.Struct, frozen=True):
    """One offer, when it was first seen and sold out, and its price since `from`.

    `first_seen_at` is null if the first time is no longer recorded. `items_in_stock` is null while the offer is unknown
    since `changed_at`, because its row was unreadable for three refresh intervals; `price` is the last known one.
    """

    id: UUID
    price: int
    items_in_stock: int | None
    first_seen_at: datetime | None
    changed_at: datetime
    sold_out_at: datetime | None
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    points: list[PricePointView]

    @classmethod
    def of(cls, view: OfferHistoryView) -> Self:
        """Show the view."""
        return cls(
            view.id,
            view.price,
            view.items_in_stock,
            view.first_seen_at,
            view.changed_at,
            view.sold_out_at,
            view.window.start,
            view.window.end,
            view.points,
        )
