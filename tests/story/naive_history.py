"""What the observations that were taken in say about a product, told as naively as possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from domain.offer import ObservedOffers, Offer, OfferInterval
from domain.price import BestPrice, PriceState, PriceStep

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
TRUSTED_FOR = timedelta(seconds=180)
Run = tuple[PriceState, int | None, datetime, datetime]


@dataclass(frozen=True)
class Seen:
    """One observation and what it says is in stock."""

    at: datetime
    in_stock: Mapping[UUID, Offer]

    @property
    def until(self) -> datetime:
        return self.at + TRUSTED_FOR

    @property
    def best(self) -> Offer | None:
        return min(self.in_stock.values(), key=lambda offer: (offer.price, offer.id), default=None)

    @property
    def price(self) -> tuple[PriceState, int | None]:
        return (PriceState.OUT_OF_STOCK, None) if self.best is None else (PriceState.IN_STOCK, self.best.price)


@dataclass
class Chronicle:
    """All observations of one product that count, the last one last."""

    seen: list[Seen] = field(default_factory=list)

    def take_in(self, at: datetime, answer: ObservedOffers) -> None:
        before = self.seen[-1].in_stock if self.seen else {}
        refused = {id for id in before if id not in answer.offers and (id in answer.unreadable or not answer.complete)}
        shown = {id: offer for id, offer in answer.offers.items() if offer.items_in_stock}
        self.seen.append(Seen(at, {**{id: before[id] for id in refused}, **shown}))

    @property
    def last(self) -> Seen | None:
        return self.seen[-1] if self.seen else None

    def best_price(self) -> tuple[BestPrice | None, list[PriceStep]]:
        """Return the price in force and all steps that have ended."""
        runs: list[Run] = []
        for one, next_one in pairwise(self.seen):
            _lengthen(runs, (*one.price, one.at, min(one.until, next_one.at)))
            _lengthen(runs, (PriceState.UNKNOWN, None, one.until, next_one.at))
        if self.last is None:
            return None, []
        price, since = self.last.price[1], self.last.at
        if runs and runs[-1][:2] == self.last.price and runs[-1][3] == since:
            since = runs.pop()[2]
        return BestPrice(price, since), [PriceStep(*run[:2], *day) for run in runs for day in _days(*run[2:])]

    def intervals(self) -> list[OfferInterval]:
        """Return all stretches of one price of one offer that have ended, none of them longer than it was known."""
        ended, since = [], dict[UUID, datetime]()
        for one, next_one in pairwise([Seen(LONG_AGO, {}), *self.seen]):
            for id, offer in one.in_stock.items():
                after = next_one.in_stock.get(id)
                if after is None or after.price != offer.price:
                    days = _days(since.pop(id), min(one.until, next_one.at))
                    ended += [OfferInterval(id, offer.price, *day) for day in days]
            for id in next_one.in_stock:
                since.setdefault(id, next_one.at)
        return ended


def _lengthen(runs: list[Run], run: Run) -> None:
    if run[2] >= run[3]:
        return
    if runs and runs[-1][:2] == run[:2] and runs[-1][3] == run[2]:
        run = (*run[:2], runs.pop()[2], run[3])
    runs.append(run)


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        midnight = datetime.combine(start.date(), time(), start.tzinfo) + timedelta(days=1)
        yield start, min(midnight, end)
        start = midnight
