"""Upkeep: all that is due is done in one go."""

from dataclasses import replace
from datetime import timedelta

from application.catalogue.idempotency_keys import KeptProduct
from application.catalogue.views import view_of_new
from application.housekeeping import KeepHouse
from application.synchronisation.timing import Timing
from domain.offer import Offer
from domain.synchronisation import Observation
from factories import ProductFactory, TrackedOfferFactory, some_id
from fakes.synchronisation import TIMING, Synchronising
from fakes.upkeep import InMemoryCataloguePurge, InMemoryHistoryUpkeep

KEPT = KeptProduct(b"", view_of_new(ProductFactory.build()))


def house(world: Synchronising, timing: Timing = TIMING) -> KeepHouse:
    storage = world.storage
    return KeepHouse(InMemoryCataloguePurge(storage), InMemoryHistoryUpkeep(storage), timing, lambda: 0.0)


async def test_every_withdrawn_product_is_purged(world: Synchronising) -> None:
    ids = [await world.watched(Offer(some_id(), 5, 1)) for _ in range(3)]
    for id in ids[:2]:
        await world.withdraw(id)
    await house(world)()
    assert list(world.storage.rows.offers) == [ids[2]]
    await world.create(name="again", description="", product_id=ids[0])


async def test_offers_sold_out_for_longer_than_a_day_are_purged_however_many(world: Synchronising) -> None:
    now = world.clock.now
    lately = TrackedOfferFactory.build(sold_out_at=now - timedelta(hours=23))
    in_stock = TrackedOfferFactory.build()
    dead = TrackedOfferFactory.batch(7, sold_out_at=now - timedelta(hours=25))
    id = some_id()
    async with world.storage.begin() as work:
        await work.offers.record([Observation(id, [lately, in_stock, *dead], [], [])])
        await work.commit()
    await house(world, replace(TIMING, purge_rows=3))()
    assert world.tracked(id) == [lately, in_stock]


async def test_answers_kept_for_longer_than_a_day_are_purged_however_many(world: Synchronising) -> None:
    async def keep(*keys: int) -> None:
        async with world.storage.begin() as work:
            for key in keys:
                await work.idempotency_keys.keep(bytes([key]), KEPT)
            await work.commit()

    await keep(*range(7))
    world.clock.advance(timedelta(hours=1))
    await keep(7)
    world.clock.advance(timedelta(hours=23, seconds=1))
    await house(world, replace(TIMING, purge_rows=3))()
    assert list(world.storage.rows.idempotency_keys) == [bytes([7])]
