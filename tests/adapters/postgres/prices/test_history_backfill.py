"""A past is written before the first observation, once, and the present does not change."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.prices.history_backfill import FirstSight, Past, SqlAlchemyHistoryBackfill
from adapters.postgres.prices.tables import insight
from domain.offer import ObservedOffers, Offer
from domain.prices.retention import Retention
from domain.window import BucketWidth
from entrypoints.development.seed.history import await_observations
from entrypoints.development.seed.past import made_up_past
from factories import some_id
from storages.storage import Storage, add, new_product, observe, on_postgres, withdraw

TODAY = BucketWidth.DAY.floor(datetime.now(UTC))
FIRST = TODAY + timedelta(microseconds=1)
BEGINS = TODAY - timedelta(days=30)
MOVED, STAYED, GONE, EMPTY = (some_id() for _ in range(4))


def answer(*offers: tuple[UUID, int, int]) -> ObservedOffers:
    return ObservedOffers({id: Offer(id, price, stock) for id, price, stock in offers})


@dataclass
class Observed:
    """A product that was observed twice."""

    engine: AsyncEngine
    id: UUID

    def __post_init__(self) -> None:
        self.storage: Storage = on_postgres(self.engine)
        self.writer = SqlAlchemyHistoryBackfill(self.engine, Retention())

    async def past(self) -> Past:
        sight = await self.writer.first_sight(self.id)
        assert sight is not None
        return made_up_past(self.id, sight, BEGINS, random.Random(1))

    async def rolled_until(self, new: datetime | None = None) -> datetime:
        async with self.engine.begin() as connection:
            if new is not None:
                await connection.execute(update(insight).values(rolled_until=new))
            found: datetime = (await connection.execute(select(insight.c.rolled_until))).scalar_one()
            return found


@pytest.fixture
async def product(database: AsyncEngine) -> Observed:
    storage, product = on_postgres(database), new_product()
    await add(storage.begin, product)
    first = answer((MOVED, 30_000, 5), (STAYED, 31_000, 5), (GONE, 29_000, 5), (EMPTY, 28_000, 0))
    await observe(storage.begin, product.id, first, FIRST)
    second = answer((MOVED, 32_000, 5), (STAYED, 31_000, 4), (EMPTY, 27_000, 1))
    await observe(storage.begin, product.id, second, FIRST + timedelta(seconds=60))
    return Observed(database, product.id)


async def test_the_first_sight_is_what_the_first_observation_showed_in_stock(product: Observed) -> None:
    prices = {MOVED: 30_000, STAYED: 31_000, GONE: 29_000}
    assert await product.writer.first_sight(product.id) == FirstSight(FIRST, prices, rolled_up=False)
    assert await product.writer.observed() == [product.id]


async def test_an_only_observation_is_the_first_sight_too(database: AsyncEngine) -> None:
    storage, product = on_postgres(database), new_product()
    writer = SqlAlchemyHistoryBackfill(database, Retention())
    await add(storage.begin, product)
    assert await writer.first_sight(product.id) is None
    assert await writer.observed() == []
    await observe(storage.begin, product.id, answer((MOVED, 30_000, 5), (EMPTY, 28_000, 0)), FIRST)
    assert await writer.first_sight(product.id) == FirstSight(FIRST, {MOVED: 30_000}, rolled_up=False)


async def test_waiting_for_observations_ends_with_those_that_can_come(product: Observed) -> None:
    assert await await_observations(product.writer, seconds=60) == 0
    waiting, rejected = new_product(), new_product()
    rejected.rejected("no", FIRST)
    await add(product.storage.begin, waiting)
    await add(product.storage.begin, rejected)
    assert await await_observations(product.writer, seconds=0) == 1
    assert await await_observations(product.writer, seconds=0.1) == 1
    await withdraw(product.storage.begin, waiting.id)
    assert await await_observations(product.writer, seconds=60) == 0


async def test_the_present_stays_and_the_past_leads_to_it(product: Observed) -> None:
    storage, id = product.storage, product.id

    async def present() -> tuple[object, ...]:
        async with storage.begin() as work:
            offers = {offer.id: replace(offer, first_seen_at=FIRST) for offer in (await work.offers.of([id]))[id]}
            kept = await work.products.get(id), await work.synchronisations.get(id)
        steps = [step for step in await storage.steps(id) if step.valid_from >= FIRST]
        return offers, kept, steps, [each for each in await storage.intervals(id) if each.valid_from >= FIRST]

    before, past = await present(), await product.past()
    assert await product.writer.write(id, past)
    assert await present() == before
    steps = await storage.steps(id)
    assert steps[0].valid_from == BEGINS
    assert all(step.valid_to == following.valid_from for step, following in pairwise(steps))
    assert await product.rolled_until() == BEGINS


async def test_offers_that_go_on_were_first_seen_in_the_past(product: Observed) -> None:
    past = await product.past()
    assert await product.writer.write(product.id, past)
    async with product.storage.begin() as work:
        seen = {offer.id: offer.first_seen_at for offer in (await work.offers.of([product.id]))[product.id]}
    assert seen == {**past.first_seen, EMPTY: FIRST}
    assert min(seen.values()) < FIRST


async def test_the_product_rolls_up_from_there(product: Observed) -> None:
    await product.writer.write(product.id, await product.past())
    while await product.storage.history.roll_up(10):
        pass
    assert await product.rolled_until() == TODAY
    async with product.engine.connect() as connection:
        days = (await connection.execute(text("SELECT at FROM best_price_bucket_1d ORDER BY at"))).scalars().all()
    assert days == [BEGINS + timedelta(days=day) for day in range(30)]


async def test_a_past_is_written_once(product: Observed) -> None:
    past = await product.past()
    assert await product.writer.write(product.id, past)
    steps = await product.storage.steps(product.id)
    assert not await product.writer.write(product.id, past)
    assert await product.storage.steps(product.id) == steps


async def test_a_first_day_that_is_rolled_up_has_no_past(product: Observed) -> None:
    past, rolled_until = await product.past(), TODAY + timedelta(days=1)
    await product.rolled_until(rolled_until)
    now_seen = await product.writer.first_sight(product.id)
    assert now_seen is not None
    assert now_seen.rolled_up
    for late in (past, replace(past, sight=now_seen)):
        assert not await product.writer.write(product.id, late)
    assert (await product.storage.steps(product.id))[0].valid_from == FIRST
    assert await product.rolled_until() == rolled_until


async def test_a_withdrawn_product_has_no_past(product: Observed) -> None:
    past = await product.past()
    await withdraw(product.storage.begin, product.id)
    assert not await product.writer.write(product.id, past)
    assert await product.writer.first_sight(product.id) is None
