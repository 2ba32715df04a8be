"""The answers about prices over time: one shape for the ports, the use-cases and the OpenAPI description."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self
from uuid import UUID

from domain.prices.change import Direction, Reason
from domain.prices.history import Extreme, PriceSummary
from domain.prices.price import PriceState, PriceStep
from domain.prices.statistics import Verdict
from domain.window import Window


@dataclass(frozen=True, slots=True)
class PricePointView:
    """The price in force from `at` until the next point; null unless the state is `in_stock`."""

    at: datetime
    price: int | None
    state: PriceState

    @classmethod
    def of(cls, tile: PriceStep) -> Self:
        """Show the beginning of a step."""
        return cls(tile.valid_from, tile.price, tile.state)


@dataclass(frozen=True, slots=True)
class PriceBucketView:
    """A stretch of time; `open` and `close` are the prices in force at its start and at its end.

    Prices are None where there was none. The average is weighted by time, `in_stock_share` is of the known time, and
    `coverage` is the known share of the stretch.
    """

    start: datetime
    end: datetime
    open: int | None
    close: int | None
    min: int | None
    max: int | None
    average: Decimal | None
    in_stock_share: float | None
    coverage: float | None

    @classmethod
    def of(cls, summary: PriceSummary) -> Self:
        """Show the sums of a bucket."""
        return cls(
            summary.window.start,
            summary.window.end,
            summary.open,
            summary.close,
            summary.lowest.price if summary.lowest else None,
            summary.highest.price if summary.highest else None,
            summary.average,
            summary.in_stock_share,
            summary.coverage,
        )


@dataclass(frozen=True, slots=True)
class StepSeriesView:
    """The best price (`offer_id` is null) or one offer's price, change by change."""

    offer_id: UUID | None
    points: list[PricePointView]


@dataclass(frozen=True, slots=True)
class BucketSeriesView:
    """The best price (`offer_id` is null) or one offer's price in buckets, an offer's where it was in stock."""

    offer_id: UUID | None
    points: list[PriceBucketView]


@dataclass(frozen=True, slots=True)
class PriceHistoryView:
    """Prices over a window, as steps if the interval is `raw`; without series, `reason` says why."""

    window: Window
    interval: str
    series: list[StepSeriesView] | list[BucketSeriesView] | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class PriceAtView:
    """The best price in force at a time, null if there was none or it is unknown."""

    at: datetime
    price: int | None


@dataclass(frozen=True, slots=True)
class PriceChangeView:
    """How the price in force changed; negative is cheaper. `reason` says why something is null."""

    before: PriceAtView
    after: PriceAtView
    change: int | None
    change_percent: Decimal | None
    direction: Direction | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStatisticsView:
    """The best price over a window, weighted by the time in stock; `current` is in force at the window's end.

    `percentile` is the share of that time at higher prices than the current one. `reason` says why median, quartiles,
    percentile and verdict are all null.
    """

    window: Window
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


@dataclass(frozen=True, slots=True)
class PriorPriceView:
    """The lowest price in a window, and the price in force at its end; `reason` says why something is missing."""

    window: Window
    price: int | None
    reached_at: datetime | None
    price_at: int | None
    change_percent: Decimal | None
    coverage: float | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class OfferHistoryView:
    """One offer's life, and its price over the window; unknown values are null, and the price is the last known one."""

    id: UUID
    price: int
    items_in_stock: int | None
    first_seen_at: datetime | None
    changed_at: datetime
    sold_out_at: datetime | None
    window: Window
    points: list[PricePointView]
