"""What anybody may ask about prices over time: history, change, statistics, one offer's life.

The storage sums in exact integers, the domain divides and rounds; here it is decided what is asked for, and where.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports import Clock
from application.views import (
    BucketSeriesView,
    OfferHistoryView,
    PriceAtView,
    PriceBucketView,
    PriceChangeView,
    PriceHistoryView,
    PricePointView,
    PriceStatisticsView,
    StepSeriesView,
)
from domain.errors import OfferNotFound, WindowTooLarge
from domain.offer import OfferInterval, TrackedOffer
from domain.price import PriceInForce, PriceStep
from domain.price_change import Reason, price_change
from domain.price_history import PriceSummary, joined, tiled, tiled_offer
from domain.price_statistics import PriceDistribution, percentile, verdict
from domain.retention import Retention
from domain.window import BucketWidth, Window

RAW_WINDOW = timedelta(hours=48)
AUTO_POINTS = 600
MOST_POINTS = 30_000
"""Points of one answer at the most: 90 days in buckets of five minutes, or two of ten offers that move every minute."""
OFFER_POINTS = 10_000


class PriceReader(Protocol):
    """Reads of a product's best price over time, in windows that have begun and end by now.

    A window that begins or ends where the steps are no longer kept does so on bounds of buckets that are.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> list[PriceStep]:
        """Return the first `limit` steps recorded within the window, ascending; the one still in force too."""

    async def buckets(self, product_id: UUID, window: Window, width: BucketWidth) -> list[PriceSummary]:
        """Sum the buckets of the window of which anything is recorded, ascending and clipped to it."""

    async def in_force(self, product_id: UUID, at: datetime) -> PriceInForce | None:
        """Return what was in force at a time; None before the first observation."""

    async def statistics(
        self, product_id: UUID, window: Window, current: int | None
    ) -> tuple[PriceSummary, PriceDistribution]:
        """Sum a window of which all steps are kept, without `open` and `close`."""


@dataclass(frozen=True, slots=True)
class OfferPrices:
    """In which parts of a window the product is known, and while which offers were in stock at which price.

    An offer's intervals may go on where the product is not known, and over midnight.
    """

    known: Sequence[Window]
    in_stock: Mapping[UUID, Sequence[OfferInterval]]


@dataclass(frozen=True, slots=True)
class OfferLife:
    """One offer as it is kept, None when it has been sold out for long, and its prices."""

    offer: TrackedOffer | None
    prices: OfferPrices


class OfferPriceReader(Protocol):
    """Reads of the single offers' prices over time, in windows of which these are kept and that end by now.

    Raises:
        ProductNotFound, StorageUnavailable: in every read.
    """

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        """Return the last `limit` intervals of all offers together."""

    async def buckets(
        self, product_id: UUID, window: Window, width: BucketWidth, limit: int
    ) -> Mapping[UUID, Sequence[PriceSummary]]:
        """Sum the buckets in which an offer was in stock, the first `limit` of all offers together."""

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        """Return one offer and the last `limit` of its intervals; an unknown one has none."""


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """A product's prices over a window, as steps or summed up in buckets."""

    prices: PriceReader
    offers: OfferPriceReader
    clock: Clock
    retention: Retention

    async def __call__(
        self, product_id: UUID, window: Window, *, interval: BucketWidth | None, of_offers: bool = False
    ) -> PriceHistoryView:
        """Return the series; an interval of None means every step.

        Raises:
            ProductNotFound
            WindowTooLarge: the answer would have too many points.
        """
        if interval is None:
            return await self._raw(product_id, window, of_offers=of_offers)
        return await self._buckets(product_id, window, interval, of_offers=of_offers)

    async def auto(self, product_id: UUID, window: Window, *, of_offers: bool = False) -> PriceHistoryView:
        """Return the series in the finest interval that gives no series more than 600 points.

        Raises:
            ProductNotFound
            WindowTooLarge: no interval does.
        """
        if window.end - window.start <= RAW_WINDOW:
            try:
                return await self._raw(product_id, window, of_offers=of_offers, most=AUTO_POINTS)
            except WindowTooLarge:
                pass
        now = self.clock()
        for width in BucketWidth:
            if width.bucket_count(window) <= AUTO_POINTS and window.start >= self.retention.buckets_since(width, now):
                return await self._buckets(product_id, window, width, of_offers=of_offers)
        raise WindowTooLarge(f"interval=auto gives at most {AUTO_POINTS} points, a day each; ask for interval=1d.")

    async def _raw(
        self, product_id: UUID, window: Window, *, of_offers: bool, most: int = MOST_POINTS
    ) -> PriceHistoryView:
        if window.end - window.start > RAW_WINDOW:
            raise WindowTooLarge("interval=raw is for windows of at most 48 hours; take another interval.")
        if window.start < self._kept_since(of_offers=of_offers):
            return await self._gone(product_id, window, "raw")
        tiles: dict[UUID | None, list[PriceStep]]
        if of_offers:
            prices = await self.offers.steps(product_id, window, most + 1)
            count = sum(map(len, prices.in_stock.values()))
            tiles = {id: tiled_offer(prices.in_stock[id], prices.known, window) for id in sorted(prices.in_stock)}
        else:
            recorded = await self.prices.steps(product_id, window, most + 1)
            count, tiles = len(recorded), {None: tiled(recorded, window)}
        _refuse_many(max(count, *map(len, tiles.values())) if tiles else count, most)
        series = [StepSeriesView(id, [_point(tile) for tile in tiles[id]]) for id in tiles]
        return PriceHistoryView(window, "raw", series)

    async def _buckets(
        self, product_id: UUID, window: Window, width: BucketWidth, *, of_offers: bool
    ) -> PriceHistoryView:
        now = self.clock()
        kept_since = self.retention.offers_since(now) if of_offers else self.retention.buckets_since(width, now)
        if window.start < kept_since:
            return await self._gone(product_id, window, width)
        if of_offers:
            found = await self.offers.buckets(product_id, window, width, MOST_POINTS + 1)
            _refuse_many(sum(map(len, found.values())))
            series = [BucketSeriesView(id, [_bucket(each) for each in found[id]]) for id in sorted(found)]
            return PriceHistoryView(window, width, series)
        window = self.retention.snapped(window, now, width)
        _refuse_many(width.bucket_count(window))
        summaries = {each.window: each for each in await self.prices.buckets(product_id, window, width)}
        points = [_bucket(summaries.get(bucket) or PriceSummary(bucket)) for bucket in width.grid(window)]
        return PriceHistoryView(window, width, [BucketSeriesView(None, points)])

    def _kept_since(self, *, of_offers: bool) -> datetime:
        now = self.clock()
        return self.retention.offers_since(now) if of_offers else self.retention.steps_since(now)

    async def _gone(self, product_id: UUID, window: Window, interval: str) -> PriceHistoryView:
        # Nothing is kept of a product that is not there either, but then that is what has to be said.
        await self.prices.in_force(product_id, self.clock())
        return PriceHistoryView(window, interval, None, Reason.BEYOND_RETENTION)


@dataclass(frozen=True, slots=True)
class PriceChange:
    """How a product's best price changed over a window: at its end against at its start."""

    prices: PriceReader
    clock: Clock
    retention: Retention

    async def __call__(self, product_id: UUID, window: Window) -> PriceChangeView:
        """Compare the prices in force.

        Raises:
            ProductNotFound
        """
        window = self.retention.snapped(window, self.clock())
        before = await self.prices.in_force(product_id, window.start)
        after = await self.prices.in_force(product_id, window.end)
        found = price_change(before, after)
        return PriceChangeView(
            PriceAtView(window.start, before.price if before else None),
            PriceAtView(window.end, after.price if after else None),
            found.change,
            found.percent,
            found.direction,
            found.reason,
        )


@dataclass(frozen=True, slots=True)
class PriceStatistics:
    """A product's best price over a window, weighted by time."""

    prices: PriceReader
    clock: Clock
    retention: Retention

    async def __call__(self, product_id: UUID, window: Window) -> PriceStatisticsView:
        """Sum the window up.

        Raises:
            ProductNotFound
        """
        now = self.clock()
        kept = self.retention.finest(window.start, now) is None
        window = self.retention.snapped(window, now)
        at_end = await self.prices.in_force(product_id, window.end)
        current, spread = at_end.price if at_end else None, PriceDistribution()
        if kept:
            summary, spread = await self.prices.statistics(product_id, window, current)
        else:
            summary = await self._from_buckets(product_id, window, now)
        return PriceStatisticsView(
            window=window,
            current=current,
            average=summary.average,
            median=spread.median,
            p25=spread.p25,
            p75=spread.p75,
            min=summary.lowest,
            max=summary.highest,
            percentile=percentile(summary, spread, current),
            out_of_stock_share=summary.out_of_stock_share,
            coverage=summary.coverage,
            verdict=verdict(summary, spread, current),
            reason=None if kept else Reason.BEYOND_RETENTION,
        )

    async def _from_buckets(self, product_id: UUID, window: Window, now: datetime) -> PriceSummary:
        """Join whole days, and what is left at both ends in the widest buckets that fit there."""
        parts: list[PriceSummary] = []
        for stretch, width in self._stretches(window, now):
            parts += await self.prices.buckets(product_id, stretch, width)
        return joined(parts, window)

    def _stretches(self, window: Window, now: datetime) -> list[tuple[Window, BucketWidth]]:
        day = BucketWidth.DAY
        first, last = day.ceil(window.start), day.floor(window.end)
        ends = self.retention.finest(window.start, now), self.retention.finest(window.end, now)
        if last < first:
            return [(window, ends[0] or BucketWidth.HOUR)]
        cut = [
            (Window(window.start, first), ends[0] or BucketWidth.HOUR),
            (Window(first, last), day),
            (Window(last, window.end), ends[1] or BucketWidth.HOUR),
        ]
        return [(stretch, width) for stretch, width in cut if stretch.start < stretch.end]


@dataclass(frozen=True, slots=True)
class OfferHistory:
    """One offer from its first observation on, as far as its prices are kept."""

    offers: OfferPriceReader
    clock: Clock
    retention: Retention

    async def __call__(self, product_id: UUID, offer_id: UUID) -> OfferHistoryView:
        """Return the offer, its life and its price steps, the newest 10 000 at the most.

        Raises:
            ProductNotFound
            OfferNotFound: there is none, or nothing is kept of it any more.
        """
        now = self.clock()
        kept = Window(self.retention.offers_since(now), now)
        life = await self.offers.life(product_id, offer_id, kept, OFFER_POINTS)
        offer, intervals = life.offer, life.prices.in_stock.get(offer_id, ())
        if offer is None and not intervals:
            raise OfferNotFound(offer_id)
        since = offer.first_seen_at if offer and len(intervals) < OFFER_POINTS else intervals[0].valid_from
        window = Window(max(since, kept.start), now)
        points = [_point(tile) for tile in tiled_offer(intervals, life.prices.known, window)]
        if offer is None:
            # Sold out for so long that its row is gone.
            last = intervals[-1]
            return OfferHistoryView(offer_id, last.price, 0, None, last.valid_to, last.valid_to, window, points)
        return OfferHistoryView(
            offer_id,
            offer.price,
            offer.items_in_stock,
            offer.first_seen_at,
            offer.changed_at,
            offer.sold_out_at,
            window,
            points,
        )


def _refuse_many(points: int, most: int = MOST_POINTS) -> None:
    if points > most:
        raise WindowTooLarge(f"There are more than {most} points; take a shorter window or a wider interval.")


def _point(tile: PriceStep) -> PricePointView:
    return PricePointView(tile.valid_from, tile.price, tile.state)


def _bucket(summary: PriceSummary) -> PriceBucketView:
    return PriceBucketView(
        summary.window.start,
        summary.open,
        summary.close,
        summary.lowest.price if summary.lowest else None,
        summary.highest.price if summary.highest else None,
        summary.average,
        summary.in_stock_share,
        summary.coverage,
    )
