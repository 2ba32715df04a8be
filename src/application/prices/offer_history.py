"""The life of one offer, and its price over time."""

from dataclasses import dataclass
from uuid import UUID

from application.clock import Clock
from application.offload import offload
from application.prices.readers import OfferPriceReader, RetentionReader
from application.prices.views import OfferHistoryView, PricePointView
from domain.errors import OfferNotFound
from domain.price_history import tiled_offer
from domain.window import Window

OFFER_POINTS = 10_000
"""Price steps in one answer at most, the newest ones: a week of a price that moves every minute."""


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
        life = await self.offers.life(product_id, offer_id, kept, OFFER_POINTS)
        offer, intervals = life.offer, life.prices.in_stock.get(offer_id, ())
        if offer is None and not intervals:
            raise OfferNotFound(offer_id)
        since = offer.first_seen_at if offer and len(intervals) < OFFER_POINTS else intervals[0].valid_from
        # The clock that dates observations may be ahead of this process's.
        window = Window(min(max(since, kept.start), now), now)
        work = len(intervals) + len(life.prices.known)
        tiles = await offload(lambda: tiled_offer(intervals, life.prices.known, window), work)
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
