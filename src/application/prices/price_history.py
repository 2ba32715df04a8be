"""Prices over a window: in which detail they are kept, and how much of it one answer holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.clock import Clock
from application.offload import offload
from application.prices.readers import OfferPriceReader, OfferPrices, PriceReader, RetentionReader
from application.prices.views import BucketSeriesView, PriceBucketView, PriceHistoryView, PricePointView, StepSeriesView
from domain.errors import WindowTooLarge
from domain.price import PriceStep
from domain.price_change import Reason
from domain.price_history import PriceSummary, joined, tiled, tiled_offer
from domain.retention import Retention
from domain.window import BucketWidth, CalendarWidth, Window

RAW_WINDOW = timedelta(hours=48)
AUTO_POINTS = 600
BUCKETS_AT_ONCE = 1_000
MOST_POINTS = 30_000
"""Points of one answer at most: 90 days of five-minute buckets, or two days of ten offers that move every minute."""


@dataclass(frozen=True, slots=True)
class ReadPriceHistory:
    """Read a product's best price over a window, as steps or in buckets."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(
        self,
        product_id: UUID,
        window: Window,
        interval: BucketWidth | None,
        most: int = MOST_POINTS,
        retention: Retention | None = None,
    ) -> PriceHistoryView:
        """Return one series; an interval of None means every step. The retention is read unless it is given.

        Raises:
            ProductNotFound
            WindowTooLarge: the answer would have more than `most` points, or the window is too long for steps.
        """
        _refuse_long(window, interval)
        retention = retention or await self.retention()
        if window.start < self.kept_since(interval, retention):
            # An unknown product has no history either: this read raises ProductNotFound for it.
            await self.prices.in_force(product_id, window.end)
            return _beyond_retention(window, interval)
        if interval is None:
            recorded = await self.prices.steps(product_id, window, most + 1)
            _refuse_many(len(recorded), most)
            points = await offload(lambda: _points(tiled(recorded, window)), len(recorded))
            _refuse_many(len(points), most)
            return PriceHistoryView(window, "raw", [StepSeriesView(None, points)])
        window = retention.snapped(window, self.clock(), interval)
        _refuse_many(interval.bucket_count(window), most)
        buckets: list[PriceBucketView] = []
        for part in _parts(window, interval):
            found = {each.window.start: each for each in await self.prices.buckets(product_id, part, interval)}
            summaries = (found.get(bucket.start) or PriceSummary(bucket) for bucket in interval.grid(part))
            buckets += map(PriceBucketView.of, summaries)
        return PriceHistoryView(window, interval, [BucketSeriesView(None, buckets)])

    async def in_calendar(self, product_id: UUID, window: Window, retention: Retention) -> PriceHistoryView:
        """Return weeks, or months where these are too many, and of months the last 600.

        Raises:
            ProductNotFound
        """
        width = next((width for width in CalendarWidth if _count(width, window) <= AUTO_POINTS), CalendarWidth.MONTH)
        stretches = list(width.grid(retention.snapped(window, self.clock(), BucketWidth.DAY)))[-AUTO_POINTS:]
        window = Window(stretches[0].start, stretches[-1].end)
        days: list[PriceSummary] = []
        for part in _parts(window, BucketWidth.DAY):
            days += await self.prices.buckets(product_id, part, BucketWidth.DAY)
        by_stretch = _within(days, stretches)
        points = [PriceBucketView.of(joined(found, stretch)) for stretch, found in by_stretch]
        return PriceHistoryView(window, width, [BucketSeriesView(None, points)])

    def kept_since(self, interval: BucketWidth | None, retention: Retention) -> datetime:
        """Return since when the best price is kept in this detail."""
        now = self.clock()
        return retention.buckets_since(interval, now) if interval else retention.steps_since(now)


@dataclass(frozen=True, slots=True)
class ReadOfferPriceHistory:
    """Read the price of each of a product's offers over a window, as steps or in buckets."""

    offers: OfferPriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(
        self,
        product_id: UUID,
        window: Window,
        interval: BucketWidth | None,
        most: int = MOST_POINTS,
        retention: Retention | None = None,
    ) -> PriceHistoryView:
        """Return a series for each offer that was in stock; an interval of None means every step.

        The retention is read unless it is given.

        Raises:
            ProductNotFound
            WindowTooLarge: the answer would have more than `most` points, or the window is too long for steps.
        """
        _refuse_long(window, interval)
        retention = retention or await self.retention()
        if window.start < self.kept_since(interval, retention):
            await self.offers.steps(product_id, window, 1)
            return _beyond_retention(window, interval)
        if interval is None:
            prices = await self.offers.steps(product_id, window, most + 1)
            intervals = sum(map(len, prices.in_stock.values()))
            _refuse_many(intervals, most)
            work = intervals + len(prices.in_stock) * len(prices.known)
            steps = await offload(lambda: _steps_of_offers(prices, window, most), work)
            return PriceHistoryView(window, "raw", steps)
        found = await self.offers.buckets(product_id, window, interval, most + 1)
        count = sum(map(len, found.values()))
        _refuse_many(count, most)
        return PriceHistoryView(window, interval, await offload(lambda: _buckets_of_offers(found), count))

    async def in_calendar(self, product_id: UUID, window: Window, retention: Retention) -> PriceHistoryView:
        """Say that offers' prices are not kept for so long.

        Raises:
            ProductNotFound
        """
        return await self(product_id, window, BucketWidth.DAY, retention=retention)

    def kept_since(self, _interval: BucketWidth | None, retention: Retention) -> datetime:
        """Return since when the offers' prices are kept, in any detail."""
        return retention.offers_since(self.clock())


async def in_finest_interval(
    history: ReadPriceHistory | ReadOfferPriceHistory, product_id: UUID, window: Window
) -> PriceHistoryView:
    """Return every step if there are at most 600, else the narrowest kept buckets with at most 600 in each series.

    Raises:
        ProductNotFound
        WindowTooLarge: there are too many offers.
    """
    retention = await history.retention()
    if window.end - window.start <= RAW_WINDOW and window.start >= history.kept_since(None, retention):
        with suppress(WindowTooLarge):
            return await history(product_id, window, None, AUTO_POINTS, retention)
    fitting = [width for width in BucketWidth if width.bucket_count(window) <= AUTO_POINTS]
    if not fitting:
        return await history.in_calendar(product_id, window, retention)
    *kept, widest = [width for width in fitting if window.start >= history.kept_since(width, retention)] or fitting[-1:]
    for width in kept:
        # Each series fits, but there may be very many series.
        with suppress(WindowTooLarge):
            return await history(product_id, window, width, retention=retention)
    return await history(product_id, window, widest, retention=retention)


def _points(tiles: Iterable[PriceStep]) -> list[PricePointView]:
    return [PricePointView.of(tile) for tile in tiles]


def _steps_of_offers(prices: OfferPrices, window: Window, most: int) -> list[StepSeriesView]:
    series: list[StepSeriesView] = []
    points = 0
    for id in sorted(prices.in_stock):
        tiles = tiled_offer(prices.in_stock[id], prices.known, window)
        if any(tile.price is not None for tile in tiles):
            # Every gap adds two points to every offer, so a few intervals can make very many points.
            points += len(tiles)
            _refuse_many(points, most)
            series.append(StepSeriesView(id, _points(tiles)))
    return series


def _buckets_of_offers(found: Mapping[UUID, Iterable[PriceSummary]]) -> list[BucketSeriesView]:
    return [BucketSeriesView(id, [PriceBucketView.of(each) for each in found[id]]) for id in sorted(found)]


def _parts(window: Window, width: BucketWidth) -> Iterator[Window]:
    """Cut a window into parts that are read one after another, so that other requests run in between."""
    start = window.start
    while start < window.end:
        end = min(width.floor(start) + BUCKETS_AT_ONCE * width.length, window.end)
        yield Window(start, end)
        start = end


def _count(width: CalendarWidth, window: Window) -> int:
    days = (window.end - window.start) // timedelta(days=1)
    return days // (7 if width is CalendarWidth.WEEK else 28) + 2


def _within(
    days: Sequence[PriceSummary], stretches: Iterable[Window]
) -> Iterator[tuple[Window, Sequence[PriceSummary]]]:
    """Give each of the stretches its days, both ascending."""
    first = 0
    for stretch in stretches:
        last = first
        while last < len(days) and days[last].window.start < stretch.end:
            last += 1
        yield stretch, days[first:last]
        first = last


def _beyond_retention(window: Window, interval: BucketWidth | None) -> PriceHistoryView:
    return PriceHistoryView(window, interval or "raw", None, Reason.BEYOND_RETENTION)


def _refuse_long(window: Window, interval: BucketWidth | None) -> None:
    if interval is None and window.end - window.start > RAW_WINDOW:
        raise WindowTooLarge("interval=raw is for windows of at most 48 hours; take another interval.")


def _refuse_many(points: int, most: int) -> None:
    if points > most:
        raise WindowTooLarge(f"There are more than {most} points; take a shorter window or a wider interval.")
