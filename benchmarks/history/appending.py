"""How fast observations are stored, on one connection: a unit of work as the refresh makes it, without the calls."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from benchmarks.refresh.table import print_target
from domain.offer import ObservedOffers, Offer

OFFERS = 10
ROUNDS = 7
INTERVAL = timedelta(seconds=60)
LEASE = timedelta(seconds=60)
TARGET = 70_000


@dataclass(frozen=True)
class Appended:
    """What one batch took: all of it, and the part that writes."""

    offers: int
    history_rows: int
    seconds: float
    writing: float


async def append(begin: BeginSqlAlchemyWork, product_ids: list[UUID]) -> None:
    """Observe the products again and again, at first with a tenth of all offers changed, then with all of them."""
    shop = _Shop(product_ids)
    await _observe(begin, shop)
    for name, share in (("a tenth changed", 0.1), ("all changed", 1.0)):
        done = []
        for _ in range(ROUNDS):
            shop.move(share)
            done.append(await _observe(begin, shop))
        whole = median(each.offers / each.seconds for each in done)
        writing = median(each.offers / each.writing for each in done)
        rows = median(each.history_rows / each.writing for each in done)
        print(
            f"append, {name}: {whole:.0f} offers/s read, compared and written; writing alone {writing:.0f} offers/s "
            f"and {rows:.0f} history rows/s",
            flush=True,
        )
        if share < 1:
            print_target(f"offers written a second, {name}", writing, TARGET, least=True)


class _Shop:
    """What upstream would answer."""

    def __init__(self, product_ids: list[UUID]) -> None:
        self._dice = random.Random(20)  # noqa: S311 - guards nothing
        self.offers = {
            id: {offer: Offer(offer, 40_000 + self._dice.randrange(2_000), 10) for offer in self._new_ids()}
            for id in product_ids
        }

    def move(self, share: float) -> None:
        """Change the prices of this share of all offers."""
        for offers in self.offers.values():
            for id in self._dice.sample(list(offers), round(share * len(offers))):
                offers[id] = Offer(id, offers[id].price + self._dice.choice((-7, -3, 2, 5)), 10)

    def _new_ids(self) -> list[UUID]:
        return [UUID(int=self._dice.getrandbits(128), version=4) for _ in range(OFFERS)]


async def _observe(begin: BeginSqlAlchemyWork, shop: _Shop) -> Appended:
    async with begin() as work:
        claim = await work.synchronisations.claim_observations(timedelta(0), LEASE, len(shop.offers))
        await work.commit()
    if claim is None or len(claim.product_ids) != len(shop.offers):
        raise RuntimeError("not all products are due")
    answers = {id: ObservedOffers(dict(shop.offers[id])) for id in claim.product_ids}
    began = time.monotonic()
    async with begin() as work:
        states = await work.synchronisations.hold(claim.lease_id, claim.product_ids)
        offers = await work.offers.of([state.product_id for state in states])
        at = datetime.now(UTC)
        observations = [
            state.observe(offers.get(state.product_id, ()), answers[state.product_id], at, INTERVAL) for state in states
        ]
        compared = time.monotonic()
        await work.offers.record(observations)
        await work.synchronisations.save(*states)
        await work.commit()
    ended = time.monotonic()
    return Appended(
        sum(map(len, shop.offers.values())),
        sum(len(each.ended) + len(each.steps) for each in observations),
        ended - began,
        ended - compared,
    )
