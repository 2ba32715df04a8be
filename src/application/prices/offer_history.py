"""The life of one offer, and its price over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.clock import Clock
from application.offload import offload
from application.prices.readers import OfferPriceReader, RetentionReader
from application.prices.views import OfferHistoryView, PricePointView
from domain.errors import OfferNotFound
from domain.offer import OfferInterval, TrackedOffer
from domain.prices.history import tiled_offer
from domain.window import Window

OFFER_POINTS = 10_000
"""Price steps in one answer at most, the newest ones: a week of a price that moves every minute."""
RECENT = timedelta(days=7)
"""Prices are read this far back first: if there are so many that no more are shown, older ones are not looked at."""


@dataclass(frozen=True, slots=True)
class ReadOfferHistory:
    """Read one offer from its first observation on, as far back as its prices are kept."""

    offers: OfferPriceReader
    clock: Clock
    retention: RetentionReader

    async def __call__(self, product_id: UUID, offer_id: UUID) -> OfferHistoryView:
        """Return the offer, its life and its newest price steps, up to 10 000.

        Raises:
            ProductNotFound
            OfferNotFound: there is no such offer, or its record is gone.
        """
        now = self.clock()
        kept = Window((await self.retention()).offers_since(now), now)
        recent = Window(max(kept.start, now - RECENT), now)
        life = await self.offers.life(product_id, offer_id, recent, OFFER_POINTS)
        if len(life.prices.in_stock.get(offer_id, ())) < OFFER_POINTS:
            life = await self.offers.life(product_id, offer_id, kept, OFFER_POINTS)
        offer, intervals = life.offer, life.prices.in_stock.get(offer_id, ())
        priced = [(each.price, each.valid_to) for each in intervals if each.price is not None]
        if offer is None and not priced:
            raise OfferNotFound(offer_id)
        whole = len(intervals) < OFFER_POINTS
        since = [each.valid_from for each in intervals[:1]]
        if offer is not None and whole:
            since.append(offer.first_seen_at)
        # The clock that dates observations may be ahead of this process's.
        window = Window(min(max(min(since), kept.start), now), now)
        work = len(intervals) + len(life.prices.known)
        tiles = await offload(lambda: tiled_offer(intervals, life.prices.known, window), work)
        points = [PricePointView.of(tile) for tile in tiles]
        first_seen_at = _first_seen(offer, intervals if whole else (), kept)
        if offer is None:
            # Sold out for so long that its row is gone.
            price, gone = priced[-1]
            return OfferHistoryView(offer_id, price, 0, first_seen_at, gone, gone, window, points)
        return OfferHistoryView(
            offer_id,
            offer.price,
            None if offer.unknown else offer.items_in_stock,
            first_seen_at,
            offer.changed_at,
            None if offer.unknown else offer.sold_out_at,
            window,
            points,
        )


def _first_seen(offer: TrackedOffer | None, intervals: Sequence[OfferInterval], kept: Window) -> datetime | None:
    """Return the first time that the offer was seen; None if that is no longer recorded.

    An offer that comes back after its row was purged gets a new row, but its prices go back further.
    """
    since = intervals[0].valid_from if intervals else None
    if offer is not None and (since is None or offer.first_seen_at <= since):
        return offer.first_seen_at
    # Intervals are split at midnight: what begins where the record begins may go on from the day before.
    return since if since is not None and since > kept.start else None
