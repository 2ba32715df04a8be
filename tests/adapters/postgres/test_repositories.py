"""What only PostgreSQL gets wrong: two writers, timeouts, a server that goes away, the price of a batch."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Uuid, column, func, select, table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, connect, create_engine
from application.access.actor import OPERATOR
from application.alerts.management import CreateAlert
from application.storage import StorageUnavailable
from application.synchronisation.backoff import Backoff
from application.synchronisation.batch_report import Outcome
from application.synchronisation.circuit_breaker import CircuitBreaker
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.synchronisation.repositories import LONGEST_LEASE, Claim
from application.synchronisation.timing import Timing
from domain.alerts.condition import Condition, ConditionKind, PriceExtreme, PriceMove, PriceThreshold
from domain.errors import ProductAlreadyExists, ProductNotFound
from domain.offer import Offer
from domain.prices.retention import Retention
from domain.synchronisation import Synchronisation
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from entrypoints.limits import WORKING
from factories import some_id
from fakes.offers_gateway import ScriptedOffersGateway, observed
from storages.databases import system_clock
from storages.statements import executed_statements
from storages.storage import (
    INTERVAL,
    Storage,
    add,
    ago,
    change,
    new_product,
    observe,
    on_postgres,
    pending,
    scheduled,
    state_of,
    waits_or_ends,
    withdraw,
)

LEASE = timedelta(seconds=25)
DAY = timedelta(days=1)


@pytest.fixture
def storage(database: AsyncEngine) -> Storage:
    return on_postgres(database)


@asynccontextmanager
async def engine_on(dsn: str, *, connections: int = 2, statement_seconds: float = 5) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(dsn, DatabaseLimits(connections=connections, statement=statement_seconds))
    yield engine
    await engine.dispose()


async def kill_open_transactions(engine: AsyncEngine) -> None:
    kill = text("""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'idle in transaction'
    """)
    async with connect(engine) as connection:
        await connection.execute(kill)


async def claim(storage: Storage, limit: int, lease: timedelta = LEASE) -> Claim | None:
    async with storage.begin() as work:
        found = await work.synchronisations.claim_observations(INTERVAL, lease, limit)
        await asyncio.sleep(0)
        await work.commit()
    return found


async def test_concurrent_claimers_share_the_work_without_sharing_a_product(storage: Storage) -> None:
    ids = {await scheduled(storage.begin, ago(seconds=70)) for _ in range(40)}
    claims = await asyncio.gather(*(claim(storage, 5) for _ in range(8)))
    claimed = [id for each in claims if each for id in each.product_ids]
    assert len(claimed) == len(set(claimed))
    left = [id for each in [await claim(storage, 100)] if each for id in each.product_ids]
    assert sorted(claimed + left) == sorted(ids)


async def test_a_claim_does_not_wait_for_another_that_is_not_committed(storage: Storage) -> None:
    ids = {await scheduled(storage.begin, ago(seconds=seconds)) for seconds in (100, 90, 80, 70)}
    async with storage.begin() as first, storage.begin() as second:
        one = await first.synchronisations.claim_observations(INTERVAL, LEASE, 2)
        two = await second.synchronisations.claim_observations(INTERVAL, LEASE, 2)
        assert one is not None
        assert two is not None
        assert {*one.product_ids, *two.product_ids} == ids
        await first.commit()
        await second.commit()


async def test_a_claim_that_began_before_the_longest_lease_does_not_take_its_products_over(storage: Storage) -> None:
    await scheduled(storage.begin, ago(seconds=70))
    longest = LONGEST_LEASE - timedelta(seconds=WORKING.database.statement)
    async with storage.begin() as earlier:
        assert (await earlier.synchronisations.count_due(INTERVAL, 1)).observations == 1
        assert await claim(storage, 1, longest) is not None
        assert await earlier.synchronisations.claim_observations(INTERVAL, LEASE, 1) is None


async def test_of_two_that_create_one_name_at_once_one_is_refused(storage: Storage) -> None:
    products = [new_product(name="Lamp") for _ in range(6)]
    results = await asyncio.gather(*(add(storage.begin, product) for product in products), return_exceptions=True)
    assert Counter(type(result) for result in results) == {type(None): 1, ProductAlreadyExists: 5}
    assert {result.field for result in results if isinstance(result, ProductAlreadyExists)} == {"name"}
    assert [product.name for product in (await storage.reader.products(10)).items] == ["Lamp"]


async def test_a_withdrawal_during_a_submission_neither_fails_nor_is_undone(storage: Storage) -> None:
    for _ in range(5):
        id = await pending(storage.begin, ago(seconds=5))
        async with storage.begin() as work:
            product = await work.products.get(id)
            submit = asyncio.create_task(submission(storage)())
            await waits_or_ends(storage, submit)
            await work.products.remove(product)
            await work.commit()
        report = await submit
        assert report.defects == []
        with pytest.raises(ProductNotFound):
            await storage.reader.product(id)


async def test_a_lock_that_is_not_released_is_storage_unavailable(storage: Storage) -> None:
    id = await pending(storage.begin, ago())
    async with storage.begin() as work:
        await work.products.get(id)
        async with storage.begin() as other:
            with pytest.raises(StorageUnavailable):
                await other.products.get(id)
    assert (await state_of(storage.begin, id)).product_id == id


async def test_a_statement_that_takes_too_long_is_storage_unavailable(dsn: str) -> None:
    async with engine_on(dsn) as engine, connect(engine) as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 50"))
        with pytest.raises(StorageUnavailable):
            await connection.execute(text("SELECT pg_sleep(60)"))


async def test_a_pool_that_is_used_up_is_storage_unavailable(dsn: str) -> None:
    async with engine_on(dsn, connections=1) as engine, connect(engine):
        with pytest.raises(StorageUnavailable):
            async with connect(engine):
                pass
    async with engine_on(dsn, connections=1) as engine, connect(engine) as connection:
        await connection.execute(text("SELECT 1"))


async def test_a_connection_killed_by_the_server_is_storage_unavailable_once(
    storage: Storage, engine: AsyncEngine
) -> None:
    id = await pending(storage.begin, ago())
    async with storage.begin() as work:
        await work.products.get(id)
        await kill_open_transactions(engine)
        with pytest.raises(StorageUnavailable):
            await work.products.get(id)
    assert (await state_of(storage.begin, id)).product_id == id


async def test_a_stopped_server_is_storage_unavailable_until_it_is_back() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder), ephemeral=True)
        async with engine_on(server.start()) as engine:
            async with connect(engine) as connection:
                await connection.execute(text("SELECT 1"))
            server.stop()
            for _ in range(3):
                with pytest.raises(StorageUnavailable):
                    async with connect(engine) as connection:
                        await connection.execute(text("SELECT 1"))
            server.start()
            async with connect(engine) as connection:
                assert (await connection.execute(text("SELECT 1"))).scalar() == 1
            server.stop()


async def test_a_commit_that_fails_is_storage_unavailable_and_stores_nothing(
    storage: Storage, engine: AsyncEngine
) -> None:
    product = new_product()
    async with storage.begin() as work:
        await work.products.add(product)
        await kill_open_transactions(engine)
        with pytest.raises(StorageUnavailable):
            await work.commit()
    assert (await storage.reader.products(5)).items == []


async def test_history_lands_in_the_day_it_began_and_is_split_at_midnight(
    storage: Storage, database: AsyncEngine
) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    id, offer = await scheduled(storage.begin, ago(hours=1)), Offer(some_id(), 100, 1)
    evening, morning = midnight - timedelta(seconds=60), midnight + timedelta(seconds=60)
    await observe(storage.begin, id, observed(offer), evening)
    await observe(storage.begin, id, observed(replace(offer, price=90)), morning)
    parts = [(evening, midnight), (midnight, morning)]
    assert [(row.valid_from, row.valid_to) for row in await storage.intervals(id)] == parts
    assert [(row.valid_from, row.valid_to) for row in await storage.steps(id)] == parts
    for history in ("offer_interval", "best_price_step"):
        for day in (evening, midnight):
            assert await count(database, f"{history}_{day:%Y%m%d}", id) == 1


async def test_history_older_than_what_is_kept_is_left_out(storage: Storage) -> None:
    id, offer = await scheduled(storage.begin, ago(hours=1)), Offer(some_id(), 100, 1)
    long_ago = system_clock() - 40 * DAY
    await observe(storage.begin, id, observed(offer), long_ago)
    await change(storage.begin, id, lambda state: setattr(state, "known_until", system_clock() + DAY))
    await observe(storage.begin, id, observed(), system_clock())
    today = system_clock().replace(hour=0, minute=0, second=0, microsecond=0)
    intervals, steps = await storage.intervals(id), await storage.steps(id)
    assert intervals[0].valid_from == today - 35 * DAY
    assert steps[0].valid_from == today - 35 * DAY
    assert (len(intervals), len(steps)) == (36, 36)


async def test_days_of_history_are_prepared_from_the_first_kept_to_days_ahead(dsn: str, database: AsyncEngine) -> None:
    names = await partitions(database)
    today = system_clock()
    for history, kept in (("offer_interval", 35), ("best_price_step", 35)):
        expected = {f"{history}_{today + offset * DAY:%Y%m%d}" for offset in range(-kept, 4)}
        assert {name for name in names if name.startswith(history)} >= expected


async def test_a_day_prepared_by_many_at_once_is_prepared_once(database: AsyncEngine) -> None:
    day = f"offer_interval_{system_clock() + 3 * DAY:%Y%m%d}"
    async with database.begin() as connection:
        await connection.execute(text(f"DROP TABLE {day}"))
    await asyncio.gather(*(on_postgres(database).history.prepare_history() for _ in range(5)))
    assert day in await partitions(database)


async def test_a_longer_time_to_keep_history_gets_its_days(database: AsyncEngine) -> None:
    longer = on_postgres(database, Retention(offer_days=37, step_days=37))
    await longer.history.prepare_history()
    id, offer = await scheduled(longer.begin, ago(hours=1)), Offer(some_id(), 100, 1)
    await observe(longer.begin, id, observed(offer), system_clock() - 37 * DAY)
    await change(longer.begin, id, lambda state: setattr(state, "known_until", system_clock() + DAY))
    await observe(longer.begin, id, observed(), system_clock())
    assert len(await longer.intervals(id)) == 38


async def test_what_is_left_of_withdrawn_products_is_purged_and_nothing_else(
    storage: Storage, database: AsyncEngine
) -> None:
    ids = [await scheduled(storage.begin, ago(hours=1)) for _ in range(3)]
    for id in ids:
        await observe(storage.begin, id, observed(Offer(some_id(), 100, 1)), system_clock() - DAY)
        await observe(storage.begin, id, observed(Offer(some_id(), 90, 1)), system_clock())
    for id in ids[:2]:
        await withdraw(storage.begin, id)
    assert [await storage.purge.purge_withdrawn() for _ in range(3)] == [True, True, False]
    for name in ("offer", "offer_interval", "best_price_step"):
        assert [await count(database, name, id) > 0 for id in ids] == [False, False, True]
    assert (await storage.reader.product(ids[2])).id == ids[2]


async def test_offers_sold_out_for_long_are_purged_in_bounded_steps(storage: Storage, database: AsyncEngine) -> None:
    id = await scheduled(storage.begin, ago(hours=1))
    gone, lately, there = [Offer(some_id(), 1, 0) for _ in range(5)], Offer(some_id(), 1, 0), Offer(some_id(), 1, 1)
    await observe(storage.begin, id, observed(*gone, there), system_clock() - 2 * DAY)
    await observe(storage.begin, id, observed(lately, there), system_clock())
    unknown = gone.pop()
    async with database.begin() as connection:
        unconfirmed = text("UPDATE offer SET known_until = sold_out_at WHERE id = :id")
        await connection.execute(unconfirmed, {"id": unknown.id})
    assert [await storage.purge.purge_sold_out(DAY, 2) for _ in range(3)] == [2, 2, 0]
    async with storage.begin() as work:
        left = (await work.offers.of([id]))[id]
    assert {offer.id for offer in left} == {lately.id, there.id, unknown.id}


async def test_every_connection_bounds_statements_lock_waits_and_idle_transactions(dsn: str) -> None:
    bounded = create_engine(dsn, DatabaseLimits(statement=10, lock=1, idle_in_transaction=5))
    async with bounded.connect() as connection:
        shown = {
            name: (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    await bounded.dispose()
    assert shown == {
        "statement_timeout": "10s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "5s",
    }


TIMING = Timing(refresh_interval=INTERVAL, batch_size=200, group_age=5)


def refresh(storage: Storage, upstream: ScriptedOffersGateway) -> RefreshDueProducts:
    return RefreshDueProducts(
        storage.begin,
        upstream,
        time.monotonic,
        TIMING,
        Backoff(TIMING, lambda: 0.5),
        CircuitBreaker(TIMING, time.monotonic),
    )


def submission(storage: Storage) -> SubmitRegistrations:
    return SubmitRegistrations(
        storage.begin,
        ScriptedOffersGateway(),
        time.monotonic,
        TIMING,
        Backoff(TIMING, lambda: 0.5),
        CircuitBreaker(TIMING, time.monotonic),
    )


NOTHING = timedelta(0)
WATCHED: tuple[Condition, ...] = (
    PriceThreshold(ConditionKind.PRICE_BELOW, 95),
    PriceMove(ConditionKind.DROP, Decimal(5), timedelta(seconds=60)),
    PriceExtreme(ConditionKind.NEW_LOW, timedelta(seconds=60)),
)


@pytest.mark.parametrize(("kind", "watched"), [("observed", ()), ("failed", ()), ("observed", WATCHED)])
async def test_a_batch_takes_as_many_statements_whatever_its_size(
    storage: Storage, database: AsyncEngine, kind: str, watched: tuple[Condition, ...]
) -> None:
    for when in watched:
        create = CreateAlert(storage.begin)
        await create(name="Any", product_ids=None, when=when, hold=NOTHING, cooldown=NOTHING, actor=OPERATOR)
    statements = []
    for size in (10, 100):
        upstream = ScriptedOffersGateway()
        for id in await observed_once(storage, size):
            upstream.offers[id] = observed(Offer(some_id(), 90, 1))
            if kind == "failed":
                upstream.trouble[id] = OSError()
        with executed_statements(database) as executed:
            report = await refresh(storage, upstream)()
        counter = Counter(sql for sql, _ in executed)
        assert report.outcomes.total() == size
        assert report.outcomes[Outcome(kind)] == size
        statements.append(counter)
        of_alerts = [count for statement, count in counter.items() if "alert" in statement or "asked" in statement]
        assert sum(of_alerts) == (0 if kind == "failed" else 6 if watched else 1)
    assert statements[0] == statements[1]


async def observed_once(storage: Storage, size: int) -> list[UUID]:
    """Add registered products whose next observation is due."""
    at, products = ago(seconds=70), [new_product() for _ in range(size)]
    async with storage.begin() as work:
        for product in products:
            await work.products.add(product)
        states = [Synchronisation(product.id, at, scheduled_at=at) for product in products]
        seen = [state.observe([], observed(Offer(some_id(), 100, 1)), at, INTERVAL) for state in states]
        await work.offers.record(seen)
        await work.synchronisations.save(*states)
        await work.commit()
    return [product.id for product in products]


async def count(engine: AsyncEngine, history: str, product_id: UUID) -> int:
    rows = table(history, column("product_id", Uuid))
    async with engine.connect() as connection:
        found = await connection.execute(select(func.count()).select_from(rows).where(rows.c.product_id == product_id))
        return found.scalar_one()


async def partitions(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set((await connection.execute(text("SELECT inhrelid::regclass::text FROM pg_inherits"))).scalars())
