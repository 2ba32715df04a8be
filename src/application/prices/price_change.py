"""How a price compares with earlier ones: over a window, and with the lowest of the days before a reduction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.clock import Clock
from application.prices.readers import OfferPriceReader, PriceReader, RetentionReader
from application.prices.views import PriceAtView, PriceChangeView, PriorPriceView
from domain.errors import InvalidWindow, OfferNotFound
from domain.prices.change import PriorPrice, Reason, price_change, prior_price
from domain.prices.history import joined, tiled_offer
from domain.prices.price import PriceInForce
from domain.prices.retention import Retention
from domain.window import MICROSECOND, BucketWidth, Window


@dataclass(frozen=True, slots=True)
class ComparePrices:
    """Compare a product's best price at the end of a window with the one at its start."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(self, product_id: UUID, window: Window, retention: Retention | None = None) -> PriceChangeView:
        """Return both prices and the change. The retention is read unless it is given.

        Raises:
            ProductNotFound
        """
        window = _told(window, self.clock(), retention or await self.retention())
        if window.start == window.end:
            nothing = PriceAtView(window.start, None)
            return PriceChangeView(nothing, nothing, None, None, None, Reason.BEYOND_RETENTION)
        before, after = await self.prices.in_force(product_id, [window.start, window.end])
        found = price_change(before, after)
        return PriceChangeView(
            PriceAtView(window.start, before.price if before else None),
            PriceAtView(window.end, after.price if after else None),
            found.change,
            found.percent,
            found.direction,
            found.reason,
        )


def _told(window: Window, now: datetime, retention: Retention) -> Window:
    """Move each end whose steps are no longer kept to the start of the kept bucket that contains it."""
    start, end = (
        at if (kept := retention.finest(at, now)) is None else kept.floor(at) for at in (window.start, window.end)
    )
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class FindPriorPrice:
    """Find the lowest best price of a product in the days before a moment, and compare the price then with it."""

    prices: PriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(
        self, product_id: UUID, at: datetime | None, days: int, retention: Retention | None = None
    ) -> PriorPriceView:
        """Return the lowest price; without `at`, of the days before now. The retention is read unless it is given.

        Raises:
            ProductNotFound
            InvalidWindow: the time is still to come, or the days begin before the year 1.
        """
        now = self.clock()
        window = _days_before(at or now, days, now)
        kept = max(window.start, (retention or await self.retention()).steps_since(now))
        # An unknown product has no price either: this read raises ProductNotFound for it.
        at_start, in_force = await self.prices.in_force(product_id, [min(kept, window.end), window.end])
        # Of a product that was first observed later nothing is dropped.
        if kept >= window.end or (kept > window.start and at_start is not None):
            return _prior(window, PriorPrice(reason=Reason.BEYOND_RETENTION))
        before = joined(await self.prices.buckets(product_id, Window(kept, window.end), BucketWidth.DAY), window)
        return _prior(window, prior_price(before, in_force, from_start=at_start is not None))


@dataclass(frozen=True, slots=True)
class FindPriorOfferPrice:
    """Find the lowest price of one offer in the days before a moment, and compare the price then with it."""

    offers: OfferPriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(self, product_id: UUID, offer_id: UUID, at: datetime | None, days: int) -> PriorPriceView:
        """Return the lowest price; without `at`, of the days before now.

        Raises:
            ProductNotFound
            OfferNotFound: there is no such offer, or its record is gone.
            InvalidWindow: the time is still to come, or the days begin before the year 1.
        """
        now = self.clock()
        window = _days_before(at or now, days, now)
        moment = Window(window.end, window.end + MICROSECOND)
        life = await self.offers.life(product_id, offer_id, moment, 1)
        before = await self.offers.summary(product_id, offer_id, window)
        if life.offer is None and not before.in_stock:
            raise OfferNotFound(offer_id)
        kept = (await self.retention()).offers_since(now)
        # Of an offer that was first seen later nothing is dropped.
        if window.start < kept and (life.offer is None or life.offer.first_seen_at < kept):
            return _prior(window, PriorPrice(reason=Reason.BEYOND_RETENTION))
        (tile, *_) = tiled_offer(life.prices.in_stock.get(offer_id, ()), life.prices.known, moment)
        # The row of an offer that was sold out for long is gone, but not its prices.
        first_seen_at = life.offer.first_seen_at if life.offer else window.end
        from_start = first_seen_at <= window.start or before.open is not None
        return _prior(window, prior_price(before, PriceInForce(tile.state, tile.price), from_start=from_start))


def _days_before(at: datetime, days: int, now: datetime) -> Window:
    if at > now:
        raise InvalidWindow("at", "The time must not be in the future.")
    try:
        return Window(at - timedelta(days=days), at)
    except OverflowError as error:
        raise InvalidWindow("at", "The days before this time begin before the year 1.") from error


def _prior(window: Window, found: PriorPrice) -> PriorPriceView:
    return PriorPriceView(
        window,
        found.price,
        found.reached_at,
        found.price_at,
        found.percent,
        found.coverage,
        found.reason,
    )
