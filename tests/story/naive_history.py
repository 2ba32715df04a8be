"""The history of a product by the stored observations, computed as naively as possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from domain.offer import ObservedOffers, Offer, OfferInterval
from domain.prices.price import BestPrice, PriceState, PriceStep

LONG_AGO, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=60)
TRUSTED_FOR = 3 * INTERVAL
Run = tuple[PriceState, int | None, datetime, datetime]


@dataclass(frozen=True)
class Seen:
    """One observation, with the offers that it shows in stock.

    Offers in `running_out` are trusted until then only, as it did not confirm them; it says nothing of the `lost` ones.
    """

    at: datetime
    in_stock: Mapping[UUID, Offer]
    running_out: Mapping[UUID, datetime] = field(default_factory=dict)
    lost: frozenset[UUID] = frozenset()

    @property
    def until(self) -> datetime:
        if self.best is None:
            return self.at if self.lost else self.at + TRUSTED_FOR
        return min(self.at + TRUSTED_FOR, self.running_out.get(self.best.id, LATEST))

    @property
    def best(self) -> Offer | None:
        offers = self.in_stock.values()
        return min(offers, key=lambda offer: (offer.price, offer.id in self.running_out, offer.id), default=None)

    @property
    def price(self) -> tuple[PriceState, int | None]:
        if self.until == self.at:
            return PriceState.UNKNOWN, None
        return (PriceState.OUT_OF_STOCK, None) if self.best is None else (PriceState.IN_STOCK, self.best.price)


@dataclass
class ObservationLog:
    """All observations of one product that count, the last one last."""

    seen: list[Seen] = field(default_factory=list)

    def take_in(self, at: datetime, answer: ObservedOffers) -> None:
        before = self.seen[-1] if self.seen else Seen(LONG_AGO, {})
        in_stock = {id: offer for id, offer in answer.offers.items() if offer.items_in_stock}
        running_out, lost = dict[UUID, datetime](), set[UUID]()
        for id in before.in_stock.keys() | before.lost:
            if id in answer.offers or (answer.complete and id not in answer.unreadable):
                continue
            until = min(before.running_out.get(id, before.at + TRUSTED_FOR), at + TRUSTED_FOR)
            if id in before.lost or until <= at + INTERVAL / 2:
                lost.add(id)
            else:
                in_stock[id], running_out[id] = before.in_stock[id], until
        self.seen.append(Seen(at, in_stock, running_out, frozenset(lost)))

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
        """Return all stretches of one price of one offer, or of its being unknown, that have ended."""
        ended, since, lost_since = list[OfferInterval](), dict[UUID, datetime](), dict[UUID, datetime]()

        def end(id: UUID, price: int | None, start: datetime, at: datetime) -> None:
            ended.extend(OfferInterval(id, price, *day) for day in _days(start, at))

        for one, next_one in pairwise([Seen(LONG_AGO, {}), *self.seen]):
            for id, offer in one.in_stock.items():
                after, until = next_one.in_stock.get(id), one.running_out.get(id, LATEST)
                ran_out = until <= next_one.at
                if after is None or after.price != offer.price or ran_out:
                    end(id, offer.price, since.pop(id), min(one.until, next_one.at, until))
                if ran_out or id in next_one.lost:
                    lost_since[id] = min(one.until, next_one.at, until)
            for id in lost_since.keys() - next_one.lost:
                end(id, None, lost_since.pop(id), next_one.at)
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
