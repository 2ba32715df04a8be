"""Prices over a window: in which detail they are kept, and how much of it one answer holds."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise, starmap
from uuid import UUID

from application.clock import Clock
from application.offload import offload
from application.prices.readers import OfferPriceReader, OfferPrices, PriceReader, RetentionReader
from application.prices.views import BucketSeriesView, PriceBucketView, PriceHistoryView, PricePointView, StepSeriesView
from domain.errors import BeyondRetention, WindowTooLarge
from domain.prices.calendar import Interval, LocalBuckets
from domain.prices.change import Reason
from domain.prices.history import PriceSummary, tiled, tiled_offer
from domain.prices.price import PriceStep
from domain.prices.retention import Retention
from domain.window import BucketWidth, Window

RAW_WINDOW = timedelta(hours=48)
AUTO_POINTS = 600
BUCKETS_AT_ONCE = 1_000
MOST_POINTS = 30_000
"""Points of one answer at most: 90 days of five-minute buckets, or two days of ten offers that move every minute."""
_TOO_OLD = (
    "Buckets of this time zone are added up from shorter ones, which are no longer kept of this time. Take a later "
    "`from`, or leave out `tz`: days of UTC are kept for ever."
)


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
        interval: Interval | None,
        zone: tzinfo = UTC,
        most: int = MOST_POINTS,
        retention: Retention | None = None,
    ) -> PriceHistoryView:
        """Return one series; an interval of None means every step. The retention is read unless it is given.

        Raises:
            ProductNotFound
            WindowTooLarge: the answer would have more than `most` points, or the window is too long for steps.
            BeyondRetention: no buckets of this zone can be added up from those that are kept.
        """
        _refuse_long(window, interval)
        retention = retention or await self.retention()
        if not self.keeps(interval, zone, window, retention):
            await self._find(product_id, window)
            if interval is not None and zone is not UTC:
                raise BeyondRetention(_TOO_OLD)
            return _beyond_retention(window, interval)
        if interval is None:
            recorded = await self.prices.steps(product_id, window, most + 1)
            _refuse_many(len(recorded), most)
            points = await offload(lambda: _points(tiled(recorded, window)), len(recorded))
            _refuse_many(len(points), most)
            return PriceHistoryView(window, "raw", [StepSeriesView(None, points)])
        if zone is UTC and interval.stored:
            return await self._stored(product_id, window, interval.stored, most, retention)
        return await self._added_up(product_id, window, LocalBuckets(interval, zone), most, retention)

    def keeps(self, interval: Interval | None, zone: tzinfo, window: Window, retention: Retention) -> bool:
        """Return whether the best price is kept in this detail since the begin of the window."""
        now = self.clock()
        if interval is None:
            return window.start >= retention.steps_since(now)
        if zone is UTC:
            return window.start >= retention.buckets_since(interval.stored or BucketWidth.DAY, now)
        with suppress(OverflowError):
            grid = LocalBuckets(interval, zone)
            first = retention.snapped(window, now, grid).start
            return retention.adding_up([first], grid.parts, now) is not None
        return False

    async def _stored(
        self, product_id: UUID, window: Window, width: BucketWidth, most: int, retention: Retention
    ) -> PriceHistoryView:
        window = retention.snapped(window, self.clock(), width)
        _refuse_many(width.bucket_count(window), most)
        buckets: list[PriceBucketView] = []
        for part in _parts(window, width):
            found = await self.prices.buckets(product_id, part, width)
            buckets += _filled(found, width.grid(part))
        return PriceHistoryView(window, width, [BucketSeriesView(None, buckets)])

    async def _added_up(
        self, product_id: UUID, window: Window, grid: LocalBuckets, most: int, retention: Retention
    ) -> PriceHistoryView:
        now = self.clock()
        window = retention.snapped(window, now, grid)
        bounds = await _bounds(grid, window, most)
        width = await offload(lambda: retention.adding_up(bounds, grid.parts, now), len(bounds))
        if width is None:
            await self._find(product_id, window)
            raise BeyondRetention(_TOO_OLD)
        buckets: list[PriceBucketView] = []
        for first in range(0, len(bounds) - 1, BUCKETS_AT_ONCE):
            part = bounds[first : first + BUCKETS_AT_ONCE + 1]
            found = await self.prices.sums(product_id, part, width)
            buckets += _filled(found, starmap(Window, pairwise(part)))
        return PriceHistoryView(window, grid.interval, [BucketSeriesView(None, buckets)])

    async def _find(self, product_id: UUID, window: Window) -> None:
        """Raise ProductNotFound for an unknown product, which has no history either."""
        await self.prices.in_force(product_id, [window.end])


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
        interval: Interval | None,
        zone: tzinfo = UTC,
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
        if not self.keeps(interval, zone, window, retention):
            await self.offers.steps(product_id, window, 1)
            return _beyond_retention(window, interval)
        if interval is None:
            prices = await self.offers.steps(product_id, window, most + 1)
            intervals = sum(map(len, prices.in_stock.values()))
            _refuse_many(intervals, most)
            work = intervals + len(prices.in_stock) * len(prices.known)
            steps = await offload(lambda: _steps_of_offers(prices, window, most), work)
            return PriceHistoryView(window, "raw", steps)
        bounds = await _bounds(LocalBuckets(interval, zone), window, most)
        found: dict[UUID, list[PriceSummary]] = {}
        count = 0
        for first in range(0, len(bounds) - 1, BUCKETS_AT_ONCE):
            part = bounds[first : first + BUCKETS_AT_ONCE + 1]
            for id, sums in (await self.offers.sums(product_id, part, most + 1 - count)).items():
                found.setdefault(id, []).extend(sums)
            count = sum(map(len, found.values()))
            _refuse_many(count, most)
        return PriceHistoryView(window, interval, await offload(lambda: _buckets_of_offers(found), count))

    def keeps(self, _interval: Interval | None, _zone: tzinfo, window: Window, retention: Retention) -> bool:
        """Return whether the offers' prices are kept since the begin of the window: in any detail, or in none."""
        return window.start >= retention.offers_since(self.clock())


async def in_finest_interval(
    history: ReadPriceHistory | ReadOfferPriceHistory,
    product_id: UUID,
    window: Window,
    zone: tzinfo = UTC,
    retention: Retention | None = None,
) -> PriceHistoryView:
    """Return every step if there are at most 600, else the narrowest kept buckets with at most 600 in each series.

    Where even months are more, the last 600 are returned. The retention is read unless it is given.

    Raises:
        ProductNotFound
        WindowTooLarge: there are too many offers.
        BeyondRetention: no buckets of this zone can be added up from those that are kept.
    """
    retention = retention or await history.retention()
    if window.end - window.start <= RAW_WINDOW and history.keeps(None, zone, window, retention):
        with suppress(WindowTooLarge):
            return await history(product_id, window, None, most=AUTO_POINTS, retention=retention)
    for interval in list(Interval)[:-1]:
        if _fits(LocalBuckets(interval, zone), window) and history.keeps(interval, zone, window, retention):
            # Each series fits, but there may be very many series; and of wider buckets fewer bounds have to be kept.
            with suppress(WindowTooLarge, BeyondRetention):
                return await history(product_id, window, interval, zone, retention=retention)
    months = LocalBuckets(Interval.MONTH, zone)
    longest = AUTO_POINTS * Interval.MONTH.usual_length
    if window.end - window.start > longest:
        bounds = months.bounds(Window(window.end - longest, window.end))
        window = Window(bounds[-AUTO_POINTS - 1], window.end)
    return await history(product_id, window, Interval.MONTH, zone, retention=retention)


def _fits(grid: LocalBuckets, window: Window) -> bool:
    """Return whether the window has at most as many buckets as `auto` gives."""
    if grid.zone is UTC and grid.interval.stored:
        return grid.interval.stored.bucket_count(window) <= AUTO_POINTS
    if grid.at_least(window) > AUTO_POINTS:
        return False
    return len(grid.bounds(window)) - 1 <= AUTO_POINTS


async def _bounds(grid: LocalBuckets, window: Window, most: int) -> list[datetime]:
    count = grid.at_least(window)
    _refuse_many(count, most)
    bounds = await offload(lambda: grid.bounds(window), count)
    _refuse_many(len(bounds) - 1, most)
    return bounds


def _filled(found: Iterable[PriceSummary], grid: Iterable[Window]) -> Iterator[PriceBucketView]:
    """Show each bucket of the grid, also those without a record."""
    by_start = {each.window.start: each for each in found}
    return (PriceBucketView.of(by_start.get(bucket.start) or PriceSummary(bucket)) for bucket in grid)


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


def _beyond_retention(window: Window, interval: Interval | None) -> PriceHistoryView:
    return PriceHistoryView(window, interval or "raw", None, Reason.BEYOND_RETENTION)


def _refuse_long(window: Window, interval: Interval | None) -> None:
    if interval is None and window.end - window.start > RAW_WINDOW:
        raise WindowTooLarge("interval=raw is for windows of at most 48 hours; take another interval.")


def _refuse_many(points: int, most: int) -> None:
    if points > most:
        raise WindowTooLarge(f"There are more than {most} points; take a shorter window or a wider interval.")
