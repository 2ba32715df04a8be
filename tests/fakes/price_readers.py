"""Prices over time from the rows in memory: the domain's own sums over all steps, none of which is ever dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, starmap
from uuid import UUID

from application.prices.readers import OfferLife, OfferPrices, RetentionReader
from application.prices.trends import PriceTrend, judged_since, trend_times
from domain.errors import ProductNotFound
from domain.offer import OfferInterval
from domain.prices.history import PriceSummary, tiled, tiled_offer
from domain.prices.price import PriceInForce, PriceState, PriceStep
from domain.prices.retention import Retention
from domain.prices.statistics import PriceDistribution, certain_verdict
from domain.window import BucketWidth, Window
from fakes.storage import InMemoryStorage
from specification.price_sums import buckets, distribution, in_force_at, open_step, spans_of, summarized

FOREVER = datetime.max.replace(tzinfo=UTC)


def kept(retention: Retention) -> RetentionReader:
    """Return a reader of this retention, by which nothing is dropped beyond its own `dropped`."""

    async def read() -> Retention:
        return retention

    return read


@dataclass(frozen=True)
class InMemoryPriceReader:
    """The best price of one product."""

    storage: InMemoryStorage

    async def steps(self, product_id: UUID, window: Window, limit: int) -> list[PriceStep]:
        recorded = recorded_steps(self.storage, product_id)
        return [step for step in recorded if step.valid_from < window.end and step.valid_to > window.start][:limit]

    async def buckets(self, product_id: UUID, window: Window, width: BucketWidth) -> list[PriceSummary]:
        recorded = recorded_steps(self.storage, product_id)
        first = recorded[0].valid_from if recorded else FOREVER
        return [bucket for bucket in buckets(recorded, width.grid(window)) if bucket.window.end > first]

    async def sums(self, product_id: UUID, bounds: Sequence[datetime], width: BucketWidth) -> list[PriceSummary]:
        recorded = recorded_steps(self.storage, product_id)
        first = recorded[0].valid_from if recorded else FOREVER
        stretches = starmap(Window, pairwise(bounds))
        return [_without_times(bucket) for bucket in buckets(recorded, stretches) if bucket.window.end > first]

    async def in_force(self, product_id: UUID, times: Sequence[datetime]) -> list[PriceInForce | None]:
        return [in_force_at(recorded_steps(self.storage, product_id), at) for at in times]

    async def statistics(
        self, product_id: UUID, window: Window, current: int | None
    ) -> tuple[PriceSummary, PriceDistribution]:
        tiles = tiled(recorded_steps(self.storage, product_id), window)
        return replace(summarized(tiles), open=None, close=None), distribution(tiles, current)


@dataclass(frozen=True)
class InMemoryOfferPriceReader:
    """The offers' prices of one product."""

    storage: InMemoryStorage

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        found = [
            (id, interval)
            for id, intervals in self.in_stock(product_id).items()
            for interval in intervals
            if interval.valid_from < window.end and interval.valid_to > window.start
        ]
        found.sort(key=lambda each: each[1].valid_from)
        in_stock: dict[UUID, list[OfferInterval]] = {}
        for id, interval in found[-limit:]:
            in_stock.setdefault(id, []).append(interval)
        return OfferPrices(self._known(product_id, window), in_stock)

    async def sums(
        self, product_id: UUID, bounds: Sequence[datetime], limit: int
    ) -> Mapping[UUID, Sequence[PriceSummary]]:
        window = Window(bounds[0], bounds[-1])
        known = self._known(product_id, window)
        found = [
            (id, _without_times(summary))
            for id, intervals in self.in_stock(product_id).items()
            for summary in buckets(tiled_offer(intervals, known, window), starmap(Window, pairwise(bounds)))
            if summary.in_stock
        ]
        found.sort(key=lambda each: each[1].window.start)
        of_offers: dict[UUID, list[PriceSummary]] = {}
        for id, summary in found[:limit]:
            of_offers.setdefault(id, []).append(summary)
        return of_offers

    async def summary(self, product_id: UUID, offer_id: UUID, window: Window) -> PriceSummary:
        intervals = self.in_stock(product_id).get(offer_id, ())
        return summarized(tiled_offer(intervals, self._known(product_id, window), window))

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        intervals = [
            interval
            for interval in self.in_stock(product_id).get(offer_id, ())
            if interval.valid_from < window.end and interval.valid_to > window.start
        ]
        offer = self.storage.rows.offers.get(product_id, {}).get(offer_id)
        in_stock = {offer_id: intervals[-limit:]} if intervals else {}
        return OfferLife(offer, OfferPrices(self._known(product_id, window), in_stock))

    def in_stock(self, product_id: UUID) -> dict[UUID, list[OfferInterval]]:
        _find(self.storage, product_id)
        intervals: dict[UUID, list[OfferInterval]] = {}
        for id, ended in self.storage.rows.intervals:
            if id == product_id:
                intervals.setdefault(ended.offer_id, []).append(ended)
        for offer in self.storage.rows.offers.get(product_id, {}).values():
            if offer.sold_out_at is None:
                still = OfferInterval(offer.id, offer.price, offer.changed_at, offer.known_until or FOREVER)
                intervals.setdefault(offer.id, []).append(still)
            if offer.known_until is not None:
                unknown = OfferInterval(offer.id, None, offer.known_until, FOREVER)
                intervals.setdefault(offer.id, []).append(unknown)
        return {id: sorted(intervals[id], key=lambda each: each.valid_from) for id in intervals}

    def _known(self, product_id: UUID, window: Window) -> list[Window]:
        known: list[Window] = []
        for tile in tiled(recorded_steps(self.storage, product_id), window):
            if tile.state is PriceState.UNKNOWN:
                continue
            if known and known[-1].end == tile.valid_from:
                known[-1] = Window(known[-1].start, tile.valid_to)
            else:
                known.append(Window(tile.valid_from, tile.valid_to))
        return known


@dataclass(frozen=True)
class InMemoryPriceTrends:
    """Trends from all steps; days that have ended count as rolled up."""

    storage: InMemoryStorage
    sold_out_kept: timedelta

    async def of(self, product_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, PriceTrend]:
        self.storage.reach()
        return {id: self._trend(id, now) for id in product_ids}

    def _trend(self, product_id: UUID, now: datetime) -> PriceTrend:
        rows = self.storage.rows
        if product_id not in rows.products:
            return PriceTrend(tuple(None for _ in trend_times(now)), None, None, None, 0)
        steps = recorded_steps(self.storage, product_id)
        in_force = (in_force_at(steps, at) for at in trend_times(now))
        day, _, low = rows.changes.get(product_id, (None, None, None))
        best = rows.synchronisations[product_id].state.best_offer
        spans = spans_of(
            buckets(steps, BucketWidth.DAY.grid(Window(judged_since(now), BucketWidth.DAY.floor(now)))),
            best.price if best else None,
        )
        shown_since = self.storage.clock() - self.sold_out_kept
        offers = [
            each
            for each in rows.offers.get(product_id, {}).values()
            if each.sold_out_at is None or (not each.unknown and each.sold_out_at > shown_since)
        ]
        return PriceTrend(
            tuple(found.price if found else None for found in in_force),
            day.change if day else None,
            low,
            certain_verdict(spans),
            len(offers),
        )


def recorded_steps(storage: InMemoryStorage, product_id: UUID) -> list[PriceStep]:
    """Return all steps of a product, with the one in force as far as it is known."""
    _find(storage, product_id)
    state = storage.rows.synchronisations[product_id].state
    steps = [step for id, step in storage.rows.steps if id == product_id]
    if state.best is not None and state.known_until is not None:
        steps.append(open_step(state.best, state.known_until))
    return sorted(steps, key=lambda step: step.valid_from)


def _without_times(summary: PriceSummary) -> PriceSummary:
    lowest, highest = (
        extreme and replace(extreme, at=summary.window.start) for extreme in (summary.lowest, summary.highest)
    )
    return replace(summary, lowest=lowest, highest=highest)


def _find(storage: InMemoryStorage, product_id: UUID) -> None:
    storage.reach()
    if product_id not in storage.rows.products:
        raise ProductNotFound(product_id)
