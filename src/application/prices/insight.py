"""What anybody may ask about a price: how it changed, what it is worth, and how one offer lived."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.offload import aside
from application.prices.readers import OfferPriceReader, PriceReader
from application.prices.views import (
    OfferHistoryView,
    PriceAtView,
    PriceChangeView,
    PricePointView,
    PriceStatisticsView,
)
from application.unit_of_work import Clock
from domain.errors import OfferNotFound
from domain.price_change import Reason, price_change
from domain.price_history import PriceSummary, joined, tiled_offer
from domain.price_statistics import PriceDistribution, percentile, verdict
from domain.retention import Retention
from domain.window import BucketWidth, Window

OFFER_POINTS = 10_000
"""Price steps on one offer's page at the most, the newest: a week of a price that moves every minute."""


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

    def _stretches(self, window: Window, now: datetime) -> Iterator[tuple[Window, BucketWidth]]:
        day = BucketWidth.DAY
        first, last = day.ceil(window.start), day.floor(window.end)
        if last < first:
            first = last = window.end
        for stretch, width in (
            (Window(window.start, first), self.retention.finest(window.start, now)),
            (Window(first, last), day),
            (Window(last, window.end), self.retention.finest(window.end, now)),
        ):
            if stretch.start < stretch.end:
                # Where the steps are kept, buckets of any width can be made of them.
                yield stretch, width or BucketWidth.HOUR


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
        # The clock that dates observations may be ahead of this one.
        window = Window(min(max(since, kept.start), now), now)
        work = len(intervals) + len(life.prices.known)
        tiles = await aside(lambda: tiled_offer(intervals, life.prices.known, window), work)
        points = [PricePointView.of(tile) for tile in tiles]
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
