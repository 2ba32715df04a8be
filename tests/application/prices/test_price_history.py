"""The bounds of one answer about prices, for any history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, starmap
from uuid import UUID

import pytest

from application.prices.price_history import MOST_POINTS, ReadOfferPriceHistory, in_finest_interval
from application.prices.readers import OfferLife, OfferPrices
from domain.errors import WindowTooLarge
from domain.offer import OfferInterval
from domain.prices.history import PriceSummary
from domain.prices.retention import Retention
from domain.window import Window
from factories import some_id
from fakes.price_readers import kept
from fakes.storage import NOON

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ID = some_id()


@dataclass(frozen=True)
class ManyOffers:
    """So many offers that never change, of a product that is known every other minute."""

    offers: int
    gaps: int

    async def steps(self, product_id: UUID, window: Window, limit: int) -> OfferPrices:
        begins = [window.start + 2 * MINUTE * number for number in range(self.gaps)]
        known = [Window(begin, begin + MINUTE) for begin in begins]
        ids = [some_id() for _ in range(self.offers)]
        return OfferPrices(known, {id: [OfferInterval(id, 5, window.start, window.end)] for id in ids})

    async def sums(
        self, product_id: UUID, bounds: Sequence[datetime], limit: int
    ) -> Mapping[UUID, Sequence[PriceSummary]]:
        parts = list(starmap(Window, pairwise(bounds)))
        offers = min(self.offers, limit // len(parts) + 1)
        return {some_id(): [PriceSummary(part) for part in parts] for _ in range(offers)}

    async def summary(self, product_id: UUID, offer_id: UUID, window: Window) -> PriceSummary:
        raise AssertionError

    async def life(self, product_id: UUID, offer_id: UUID, window: Window, limit: int) -> OfferLife:
        raise AssertionError


def history(offers: int, gaps: int = 0) -> ReadOfferPriceHistory:
    return ReadOfferPriceHistory(ManyOffers(offers, gaps), lambda: NOON, kept(Retention()))


@pytest.mark.parametrize(("offers", "refused"), [(22, False), (23, True)])
async def test_points_are_counted_not_the_intervals_that_gaps_make_them_of(offers: int, refused: bool) -> None:
    window, gaps = Window(NOON - DAY, NOON), 670
    if not refused:
        series = (await history(offers, gaps)(ID, window, None)).series or []
        assert sum(len(each.points) for each in series) == offers * 2 * gaps <= MOST_POINTS
        return
    with pytest.raises(WindowTooLarge):
        await history(offers, gaps)(ID, window, None)


@pytest.mark.parametrize(("offers", "interval"), [(100, "1h"), (200, "1d")])
async def test_auto_takes_wider_buckets_when_there_are_very_many_offers(offers: int, interval: str) -> None:
    found = await in_finest_interval(history(offers), ID, Window(NOON - 7 * DAY, NOON))
    assert (found.interval, len(found.series or ())) == (interval, offers)
