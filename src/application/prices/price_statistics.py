"""How a product's best price was distributed over a window, and how the current one compares with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.clock import Clock
from application.prices.readers import PriceReader, RetentionReader
from application.prices.views import PriceStatisticsView
from domain.prices.change import Reason
from domain.prices.history import PriceSummary, joined
from domain.prices.retention import Retention
from domain.prices.statistics import PriceDistribution, percentile, verdict
from domain.window import BucketWidth, Window


@dataclass(frozen=True, slots=True)
class SummarisePrices:
    """Summarise a product's best price over a window, weighted by time."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(
        self, product_id: UUID, window: Window, retention: Retention | None = None
    ) -> PriceStatisticsView:
        """Return the statistics of the window. The retention is read unless it is given.

        Raises:
            ProductNotFound
        """
        now, retention = self.clock(), retention or await self.retention()
        kept = retention.finest(window.start, now) is None
        asked, narrowed = window, retention.narrowed(window, now)
        window = narrowed or asked
        (at_end,) = await self.prices.in_force(product_id, [window.end])
        # Within one bucket not even the price at the end is known.
        current = at_end.price if at_end and narrowed else None
        spread = PriceDistribution()
        if kept:
            summary, spread = await self.prices.statistics(product_id, window, current)
        elif narrowed is None:
            summary = PriceSummary(asked)
        else:
            summary = await self._from_buckets(product_id, window, now, retention)
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

    async def _from_buckets(
        self, product_id: UUID, window: Window, now: datetime, retention: Retention
    ) -> PriceSummary:
        """Join whole days with the widest buckets that fit the rest at both ends."""
        parts: list[PriceSummary] = []
        for stretch, width in _stretches(window, now, retention):
            parts += await self.prices.buckets(product_id, stretch, width)
        return joined(parts, window)


def _stretches(window: Window, now: datetime, retention: Retention) -> Iterator[tuple[Window, BucketWidth]]:
    day = BucketWidth.DAY
    first, last = day.ceil(window.start), day.floor(window.end)
    if last < first:
        first = last = window.end
    for stretch, width in (
        (Window(window.start, first), retention.finest(window.start, now)),
        (Window(first, last), day),
        (Window(last, window.end), retention.finest(window.end, now)),
    ):
        if stretch.start < stretch.end:
            # Where the steps are kept, buckets of any width can be made of them.
            yield stretch, width or BucketWidth.HOUR
