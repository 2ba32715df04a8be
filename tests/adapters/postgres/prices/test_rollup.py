"""Rolling up and dropping days, where PostgreSQL can go wrong: two at once, leases, kills, readers in the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.partitions import Partition, drop_partition
from adapters.postgres.prices.dropped_history import SqlAlchemyRetentionReader
from adapters.postgres.prices.rollup import SqlAlchemyHistoryUpkeep
from application.storage import StorageUnavailable
from domain.errors import ProductAlreadyExists
from domain.offer import Offer
from domain.prices.retention import Dropped, Retention
from domain.window import BucketWidth, Window
from factories import some_id
from fakes.offers_gateway import observed
from storages.databases import BUCKETS, TABLES, NewDatabase, migrated, system_clock
from storages.storage import (
    INTERVAL,
    Storage,
    add,
    ago,
    change,
    new_product,
    observe,
    on_postgres,
    scheduled,
    withdraw,
)

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LEASE = timedelta(seconds=25)
MIDNIGHT = BucketWidth.DAY.floor(system_clock())
YESTERDAY = MIDNIGHT - DAY
BEST_PRICES = BUCKETS[:3]
KEPT = Retention(offer_days=7, step_days=30)
LONGER = Retention(offer_days=40, step_days=40)


@pytest.fixture(scope="module")
async def own_engine(new_database: NewDatabase) -> AsyncIterator[AsyncEngine]:
    """Give a database whose partitions no other test uses."""
    async with migrated(await new_database()) as engine:
        yield engine


@pytest.fixture
async def engine(own_engine: AsyncEngine) -> AsyncEngine:
    async with own_engine.begin() as connection:
        for table in (*TABLES, *BUCKETS, "history_dropped"):
            await connection.execute(text(f"DELETE FROM {table}"))
    return own_engine


@pytest.fixture
def storage(engine: AsyncEngine) -> Storage:
    return on_postgres(engine, KEPT)


async def rows(engine: AsyncEngine, sql: str) -> Sequence[Row[Any]]:
    async with engine.connect() as connection:
        return (await connection.execute(text(sql))).all()


async def rolled(engine: AsyncEngine) -> dict[str, int]:
    """Return how many rows each table of buckets of the best price has."""
    counts = {table: await rows(engine, f"SELECT count(*) FROM {table}") for table in BEST_PRICES}
    return {table.removeprefix("best_price_bucket_"): count[0][0] for table, count in counts.items()}


async def partitions(engine: AsyncEngine, table: str) -> set[str]:
    """Return the days of a table's partitions."""
    found = await rows(
        engine, f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass"
    )
    return {name.removeprefix(f"{table}_") for (name,) in found}


async def dropped(engine: AsyncEngine) -> Dropped:
    return (await SqlAlchemyRetentionReader(engine, KEPT)()).dropped


async def watched(storage: Storage, *times: datetime, at: datetime = YESTERDAY) -> UUID:
    """Add a product whose history is rolled up to `at` and that was observed at these times, at another price each."""
    id, offer = await scheduled(storage.begin, ago(hours=1)), Offer(some_id(), 100, 1)
    for number, time in enumerate(times):
        await observe(storage.begin, id, observed(replace(offer, price=100 + number)), time)
        await change(storage.begin, id, lambda state: setattr(state, "known_until", system_clock() + DAY))
    await roll_back(storage, at)
    return id


async def roll_back(storage: Storage, until: datetime) -> None:
    """Let the best prices be rolled up until then, and leave nothing to do for the offers."""
    async with storage.begin() as work:
        inside: Any = work
        update = text("UPDATE insight SET rolled_until = :until, offers_rolled_until = 'infinity'")
        await inside._session.execute(update.bindparams(until=until))
        await work.commit()


async def claim(storage: Storage, id: UUID) -> UUID:
    await change(storage.begin, id, lambda state: setattr(state, "scheduled_at", ago(hours=1)))
    async with storage.begin() as work:
        claim = await work.synchronisations.claim_observations(INTERVAL, LEASE, 5)
        await work.commit()
    assert claim is not None
    return claim.lease_id


async def test_an_ended_day_is_rolled_up_once_into_buckets_of_every_width(
    storage: Storage, engine: AsyncEngine
) -> None:
    await watched(storage, YESTERDAY + 20 * HOUR, YESTERDAY + 22 * HOUR, system_clock())
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]
    assert await rolled(engine) == {"5m": 4 * 12, "1h": 4, "1d": 1}
    hourly = await rows(engine, "SELECT at, open, open_known, close, known FROM best_price_bucket_1h ORDER BY at")
    us = HOUR // timedelta(microseconds=1)
    assert [tuple(row) for row in hourly] == [
        (YESTERDAY + 20 * HOUR, 100, True, 100, us),
        (YESTERDAY + 21 * HOUR, 100, True, 100, us),
        (YESTERDAY + 22 * HOUR, 101, True, 101, us),
        (YESTERDAY + 23 * HOUR, 101, True, 101, us),
    ]


async def test_the_day_of_the_first_observation_is_marked_as_not_recorded_before_it(
    storage: Storage, engine: AsyncEngine
) -> None:
    await watched(storage, YESTERDAY + 20 * HOUR, system_clock())
    await storage.history.roll_up(10)
    (day,) = await rows(engine, "SELECT open, open_known, lowest_at, known FROM best_price_bucket_1d")
    assert tuple(day) == (None, None, YESTERDAY + 20 * HOUR, 4 * 3_600 * 10**6)


async def test_today_is_not_rolled_up(storage: Storage) -> None:
    await watched(storage, MIDNIGHT, system_clock(), at=MIDNIGHT)
    assert await storage.history.roll_up(10) == 0


async def test_a_product_that_somebody_is_observing_waits_unless_it_was_observed_since(storage: Storage) -> None:
    """Else the observation under way could still change the day."""
    before, since = await watched(storage, YESTERDAY + 20 * HOUR), await watched(storage, YESTERDAY, MIDNIGHT)
    for id in (before, since):
        await claim(storage, id)
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]
    await change(storage.begin, before, lambda _: None)  # ends the lease
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize(("seconds", "settled"), [(30, 0), (70, 1)])
async def test_a_day_that_has_just_ended_waits_for_claims_that_are_not_committed_yet(
    storage: Storage, seconds: int, settled: int
) -> None:
    """Such a claim does not show, and dates what it sees by the time at which it began."""
    await watched(storage, ago(hours=30), at=system_clock() - DAY - timedelta(seconds=seconds))
    assert await storage.history.roll_up(10) == settled


async def test_days_are_rolled_up_oldest_first_a_bounded_number_of_products_at_a_time(
    storage: Storage, engine: AsyncEngine
) -> None:
    for _ in range(3):
        await watched(storage, YESTERDAY - DAY + HOUR, system_clock(), at=YESTERDAY - DAY)
    assert [await storage.history.roll_up(2) for _ in range(5)] == [2, 1, 2, 1, 0]
    assert await rolled(engine) == {"5m": 3 * 47 * 12, "1h": 3 * 47, "1d": 6}


async def test_many_that_roll_up_at_once_roll_up_once(storage: Storage, engine: AsyncEngine) -> None:
    for _ in range(12):
        await watched(storage, YESTERDAY, system_clock())

    async def all_day() -> int:
        done = 0
        while step := await storage.history.roll_up(2):
            done += step
        return done

    assert sum(await asyncio.gather(*(all_day() for _ in range(4)))) == 12
    assert await rolled(engine) == {"5m": 12 * 288, "1h": 12 * 24, "1d": 12}


async def test_what_is_broken_off_leaves_nothing_behind(storage: Storage, engine: AsyncEngine) -> None:
    await watched(storage, YESTERDAY, system_clock())
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE best_price_bucket_1d RENAME TO away"))
    with pytest.raises(Exception, match="best_price_bucket_1d"):
        await storage.history.roll_up(10)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO best_price_bucket_1d"))
    assert await rolled(engine) == {"5m": 0, "1h": 0, "1d": 0}
    assert await storage.history.roll_up(10) == 1


async def test_buckets_that_are_not_kept_are_not_made(storage: Storage, engine: AsyncEngine) -> None:
    long_ago = MIDNIGHT - 100 * DAY
    await watched(storage, long_ago, at=long_ago)
    await storage.history.roll_up(10)
    assert await rolled(engine) == {"5m": 0, "1h": 24, "1d": 1}


async def test_days_are_prepared_for_buckets_too(engine: AsyncEngine) -> None:
    days = {f"{MIDNIGHT + offset * DAY:%Y%m%d}" for offset in range(-1, 4)}
    assert await partitions(engine, "best_price_bucket_5m") >= days
    months = {f"{MIDNIGHT + offset * DAY:%Y%m}01" for offset in (-1, 3)}
    assert await partitions(engine, "best_price_bucket_1h") >= months


async def test_a_product_of_a_release_that_knows_no_roll_ups_is_adopted(storage: Storage, engine: AsyncEngine) -> None:
    id = await watched(storage, YESTERDAY, system_clock())
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM insight"))
    await storage.history.prepare_history()
    assert await rows(engine, "SELECT product_id FROM insight") == [(id,)]


async def test_many_products_of_an_older_release_are_adopted_a_few_at_a_time(
    storage: Storage, engine: AsyncEngine
) -> None:
    await add(storage.begin, *(new_product() for _ in range(5)))
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM insight"))
    adopted: list[int] = []

    def note(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if "INTO insight" in statement or "UPDATE insight" in statement:
            adopted.append(cursor.rowcount)

    event.listen(engine.sync_engine, "after_cursor_execute", note)
    try:
        await SqlAlchemyHistoryUpkeep(engine, LONGER, adopted_at_once=2).prepare_history()
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", note)
    assert adopted == [2, 2, 1, 2, 2, 1]


async def test_days_are_dropped_a_day_after_they_stop_being_served_and_only_once_they_are_rolled_up(
    storage: Storage, engine: AsyncEngine
) -> None:
    await on_postgres(engine, LONGER).history.prepare_history()
    await watched(storage, system_clock(), at=MIDNIGHT - 35 * DAY)
    await storage.history.drop_expired()
    assert min(await partitions(engine, "offer_interval")) == f"{MIDNIGHT - 8 * DAY:%Y%m%d}"
    assert min(await partitions(engine, "best_price_step")) == f"{MIDNIGHT - 35 * DAY:%Y%m%d}"
    assert await dropped(engine) == Dropped(offers=MIDNIGHT - 8 * DAY, steps=MIDNIGHT - 35 * DAY)
    await roll_back(storage, MIDNIGHT)
    assert await storage.history.drop_expired() == 4
    assert (await dropped(engine)).steps == MIDNIGHT - 31 * DAY
    assert min(await partitions(engine, "best_price_step")) == f"{MIDNIGHT - 31 * DAY:%Y%m%d}"
    assert await storage.history.drop_expired() == 0


async def test_buckets_are_dropped_when_their_time_is_over(storage: Storage, engine: AsyncEngine) -> None:
    id = await watched(storage, MIDNIGHT - 100 * DAY, at=MIDNIGHT - 100 * DAY)
    longer = on_postgres(engine, replace(KEPT, five_minute_days=200))
    while await longer.history.roll_up(10):
        pass
    assert (await rolled(engine))["5m"] == 100 * 288
    await change(storage.begin, id, lambda state: setattr(state, "observed_at", system_clock()))
    await storage.history.drop_expired()
    assert min(await partitions(engine, "best_price_bucket_5m")) == f"{MIDNIGHT - 91 * DAY:%Y%m%d}"
    shorter = on_postgres(engine, replace(KEPT, hourly_days=40))
    await shorter.history.drop_expired()
    first = (MIDNIGHT - 41 * DAY).replace(day=1)
    assert min(await partitions(engine, "best_price_bucket_1h")) == f"{first:%Y%m%d}"
    assert (await rolled(engine))["1d"] == 100


async def test_a_reader_in_the_way_is_not_disturbed_and_the_drop_is_finished_later(
    storage: Storage, engine: AsyncEngine
) -> None:
    await on_postgres(engine, LONGER).history.prepare_history()
    id = await watched(storage, system_clock(), at=MIDNIGHT)
    day = (MIDNIGHT - 40 * DAY).date()
    partition = Partition("best_price_step", day)
    async with engine.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM best_price_step"))
        with pytest.raises(StorageUnavailable):
            await drop_partition(engine, partition)
        # Everybody reads and writes on meanwhile.
        await observe(storage.begin, id, observed(Offer(some_id(), 5, 1)), system_clock())
        await storage.prices.steps(id, Window(ago(hours=1), system_clock()), 5)
        assert (await reader.execute(text("SELECT count(*) FROM best_price_step"))).scalar_one() >= 0
    detaching = await rows(engine, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending")
    assert detaching == [(partition.name,)]
    assert await storage.history.drop_expired() > 0
    assert f"{day:%Y%m%d}" not in await partitions(engine, "best_price_step")
    assert await rows(engine, f"SELECT to_regclass('{partition.name}')") == [(None,)]


async def test_a_partition_that_was_detached_but_not_dropped_is_dropped(storage: Storage, engine: AsyncEngine) -> None:
    """Of any day: no read sees its rows any more."""
    orphan = Partition("offer_interval", (MIDNIGHT + 10 * DAY).date()).name
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE TABLE {orphan} (LIKE offer_interval)"))
    await storage.history.drop_expired()
    assert await rows(engine, f"SELECT to_regclass('{orphan}')") == [(None,)]


async def test_what_an_older_release_left_of_a_product_keeps_its_id_taken_until_it_is_purged(
    storage: Storage, engine: AsyncEngine
) -> None:
    id = await watched(storage, YESTERDAY, system_clock())
    await storage.history.roll_up(10)
    async with engine.begin() as connection:
        for table in ("synchronisation", "offer", "offer_interval", "best_price_step"):
            await connection.execute(text(f"DELETE FROM {table}"))
        await connection.execute(text("DELETE FROM product"))
    with pytest.raises(ProductAlreadyExists):
        await add(storage.begin, new_product(id=id))
    assert [await storage.purge.purge_withdrawn() for _ in range(2)] == [True, False]
    assert await rolled(engine) == {"5m": 0, "1h": 0, "1d": 0}
    await add(storage.begin, new_product(id=id))


async def test_a_day_is_not_lost_when_no_worker_comes_for_longer_than_steps_are_kept(
    storage: Storage, engine: AsyncEngine
) -> None:
    gone = MIDNIGHT - 40 * DAY
    id = await watched(storage, gone + HOUR, at=gone)
    await change(storage.begin, id, lambda state: setattr(state, "known_until", gone + 13 * HOUR))
    await storage.history.prepare_history()
    await observe(storage.begin, id, observed(Offer(some_id(), 5, 1)), system_clock())
    while await storage.history.roll_up(10):
        pass
    known = await rows(engine, "SELECT at, open, lowest, known FROM best_price_bucket_1d WHERE known > 0 ORDER BY at")
    assert [tuple(row) for row in known] == [(gone, None, 100, 12 * 3_600 * 10**6)]
    await storage.history.drop_expired()
    assert min(await partitions(engine, "best_price_step")) == f"{MIDNIGHT - 31 * DAY:%Y%m%d}"


async def test_of_many_that_drop_at_once_one_does(storage: Storage, engine: AsyncEngine) -> None:
    await on_postgres(engine, LONGER).history.prepare_history()
    await watched(storage, system_clock(), at=MIDNIGHT)
    dropped = await asyncio.gather(*(storage.history.drop_expired() for _ in range(3)))
    assert sorted(dropped)[:2] == [0, 0]
    assert sorted(dropped)[2] > 0


async def test_of_a_withdrawn_product_no_bucket_is_left(storage: Storage, engine: AsyncEngine) -> None:
    gone, there = await watched(storage, YESTERDAY, system_clock()), await watched(storage, YESTERDAY, system_clock())
    await storage.history.roll_up(10)
    await withdraw(storage.begin, gone)
    await storage.history.roll_up(10)
    assert await storage.purge.purge_withdrawn()
    assert await rolled(engine) == {"5m": 288, "1h": 24, "1d": 1}
    assert await rows(engine, "SELECT product_id FROM insight") == [(there,)]


async def test_a_product_withdrawn_before_its_day_was_rolled_up_leaves_none_either(
    storage: Storage, engine: AsyncEngine
) -> None:
    id = await watched(storage, YESTERDAY, system_clock())
    await withdraw(storage.begin, id)
    assert await storage.history.roll_up(10) == 0
    assert await rolled(engine) == {"5m": 0, "1h": 0, "1d": 0}


async def test_nothing_is_dropped_that_the_newest_observation_is_too_old_for(
    storage: Storage, engine: AsyncEngine
) -> None:
    """After a long stop, and as long as no worker observes because the database's clock is ahead."""
    await on_postgres(engine, LONGER).history.prepare_history()
    await storage.history.drop_expired()
    assert min(await partitions(engine, "offer_interval")) <= f"{MIDNIGHT - 40 * DAY:%Y%m%d}"
    await watched(storage, MIDNIGHT - 20 * DAY, at=MIDNIGHT)
    await storage.history.drop_expired()
    assert min(await partitions(engine, "offer_interval")) == f"{MIDNIGHT - 28 * DAY:%Y%m%d}"


async def test_there_is_room_from_today_on_whatever_was_dropped(storage: Storage, engine: AsyncEngine) -> None:
    """The database's clock was 40 days ahead, and a worker dropped all before its last month."""
    id, offer = await watched(storage, ago(hours=1), at=MIDNIGHT), Offer(some_id(), 100, 1)
    async with engine.begin() as connection:
        for table in ("offer_interval", "best_price_step", "best_price_bucket_5m"):
            values = {"history": table, "until": MIDNIGHT + 33 * DAY}
            await connection.execute(text("INSERT INTO history_dropped VALUES (:history, :until)"), values)
            for day in await partitions(engine, table):
                await connection.execute(text(f"DROP TABLE {table}_{day}"))
    await storage.history.prepare_history()
    days = {f"{MIDNIGHT + offset * DAY:%Y%m%d}" for offset in range(4)}
    for table in ("offer_interval", "best_price_step", "best_price_bucket_5m"):
        assert await partitions(engine, table) >= days
    assert await dropped(engine) == Dropped(offers=MIDNIGHT, steps=MIDNIGHT, five_minutes=MIDNIGHT)
    before = len(await storage.steps(id))
    await observe(storage.begin, id, observed(offer), ago(seconds=2))
    await observe(storage.begin, id, observed(replace(offer, price=5)), ago(seconds=1))
    assert len(await storage.steps(id)) > before


@pytest.mark.parametrize("how", ["detached", "detaching"])
async def test_a_day_that_is_kept_and_whose_drop_was_begun_is_back_with_its_rows(
    storage: Storage, engine: AsyncEngine, how: str
) -> None:
    id = await watched(storage, MIDNIGHT + timedelta(microseconds=1), MIDNIGHT + timedelta(microseconds=2), at=MIDNIGHT)
    before, today = await storage.steps(id), f"best_price_step_{MIDNIGHT:%Y%m%d}"
    assert before
    if how == "detached":
        async with engine.begin() as connection:
            await connection.execute(text(f"ALTER TABLE best_price_step DETACH PARTITION {today}"))
    else:
        async with engine.connect() as reader:
            await reader.execute(text("SELECT count(*) FROM best_price_step"))
            with pytest.raises(StorageUnavailable):
                await drop_partition(engine, Partition("best_price_step", MIDNIGHT.date()))
    assert await storage.steps(id) == []
    await asyncio.gather(*(storage.history.prepare_history() for _ in range(3)))
    assert await storage.steps(id) == before
    await storage.history.drop_expired()
    assert await storage.steps(id) == before


async def test_days_rolled_up_while_the_clock_was_ahead_are_rolled_up_again_when_they_have_ended(
    storage: Storage, engine: AsyncEngine
) -> None:
    await watched(storage, YESTERDAY, system_clock(), at=YESTERDAY)
    assert await storage.history.roll_up(10) == 1
    async with engine.begin() as connection:
        for width, table in zip(("5 minutes", "1 hour", "1 day"), BEST_PRICES, strict=True):
            await connection.execute(
                text(f"""
                    INSERT INTO {table} (product_id, at, price_time, in_stock, known)
                    SELECT product_id, at, 0, 0, 0 FROM insight, generate_series(
                        CAST(:starts AS timestamptz), CAST(:ends AS timestamptz) - interval '{width}', '{width}'
                    ) AS at
                """).bindparams(starts=MIDNIGHT, ends=MIDNIGHT + 2 * DAY)
            )
    await roll_back(storage, MIDNIGHT + 2 * DAY)
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]
    assert await rolled(engine) == {"5m": 288, "1h": 24, "1d": 1}
    assert await rows(engine, "SELECT rolled_until FROM insight") == [(MIDNIGHT,)]


async def test_what_others_have_dropped_is_known_to_a_process_that_runs_already(
    storage: Storage, engine: AsyncEngine
) -> None:
    reader = SqlAlchemyRetentionReader(engine, KEPT)
    assert (await reader()).steps_since(system_clock()) == MIDNIGHT - 30 * DAY
    await watched(storage, system_clock(), at=MIDNIGHT)
    await on_postgres(engine, LONGER).history.prepare_history()
    await on_postgres(engine, Retention(offer_days=7, step_days=9)).history.drop_expired()
    assert (await reader()).steps_since(system_clock()) == MIDNIGHT - 10 * DAY


async def test_of_a_clock_that_all_share_and_that_is_far_ahead_each_run_drops_a_day_at_most(
    storage: Storage, engine: AsyncEngine
) -> None:
    """The clock was 20 days behind here, and is right now: to the housekeeping it is the same."""
    await on_postgres(engine, LONGER).history.prepare_history()
    id = await watched(storage, MIDNIGHT - 20 * DAY, at=MIDNIGHT)
    await storage.history.drop_expired()
    await change(storage.begin, id, lambda state: setattr(state, "observed_at", system_clock()))
    for days in (27, 26, 25):
        await storage.history.drop_expired()
        assert min(await partitions(engine, "offer_interval")) == f"{MIDNIGHT - days * DAY:%Y%m%d}"


async def watched_offer(storage: Storage, engine: AsyncEngine, offers_until: datetime | None) -> tuple[UUID, UUID]:
    """Add a product whose one offer moves yesterday at eight and in the hour after nine, and is not rolled up."""
    id, offer = await scheduled(storage.begin, ago(hours=1)), Offer(some_id(), 100, 1)
    for price, at in ((100, 8 * HOUR), (80, 9 * HOUR + MINUTE), (90, 9 * HOUR + 2 * MINUTE), (70, 26 * HOUR)):
        await observe(storage.begin, id, observed(replace(offer, price=price)), min(YESTERDAY + at, system_clock()))
        await change(storage.begin, id, lambda state: setattr(state, "known_until", system_clock() + DAY))
    async with engine.begin() as connection:
        update = text("UPDATE insight SET rolled_until = :day, offers_rolled_until = :offers")
        await connection.execute(update.bindparams(day=YESTERDAY, offers=offers_until))
    return id, offer.id


async def hours_of_offers(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    found = await rows(engine, "SELECT at, open, close, lowest, lowest_at, highest FROM offer_bucket_1h ORDER BY at")
    return [tuple(row) for row in found]


async def test_hours_of_offers_follow_the_best_price(storage: Storage, engine: AsyncEngine) -> None:
    await watched_offer(storage, engine, YESTERDAY)
    assert [await storage.history.roll_up(10) for _ in range(3)] == [1, 1, 0]
    first, second, *others = await hours_of_offers(engine)
    assert first == (YESTERDAY + 8 * HOUR, 100, 100, 100, YESTERDAY + 8 * HOUR, 100)
    assert second == (YESTERDAY + 9 * HOUR, 100, 90, 80, YESTERDAY + 9 * HOUR + MINUTE, 100)
    assert others == [(YESTERDAY + n * HOUR, 90, 90, 90, YESTERDAY + n * HOUR, 90) for n in range(10, 24)]


@pytest.mark.parametrize("broken", [False, True])
async def test_offers_are_summed_the_same_before_and_after_they_are_rolled_up_and_when_that_breaks_off(
    storage: Storage, engine: AsyncEngine, broken: bool
) -> None:
    id, offer_id = await watched_offer(storage, engine, YESTERDAY)
    bounds = [YESTERDAY + 7 * HOUR + MINUTE, YESTERDAY + 12 * HOUR, MIDNIGHT, system_clock()]
    windows = [Window(start, end) for start in bounds for end in bounds if start < end]

    async def found() -> list[Any]:
        sums = await storage.offer_prices.sums(id, bounds, 100)
        return [sums, *[await storage.offer_prices.summary(id, offer_id, window) for window in windows]]

    before = await found()
    if broken:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE offer_bucket_1h ADD CONSTRAINT never CHECK (lowest > 80)"))
        assert await storage.history.roll_up(10) == 1
        with pytest.raises(Exception, match="never"):
            await storage.history.roll_up(10)
        assert await found() == before
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE offer_bucket_1h DROP CONSTRAINT never"))
    while await storage.history.roll_up(10):
        pass
    assert len(await hours_of_offers(engine)) == 16
    assert await found() == before


async def test_days_that_a_release_without_hours_of_offers_rolled_up_are_made_up_for(
    storage: Storage, engine: AsyncEngine
) -> None:
    await watched_offer(storage, engine, None)
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]
    await storage.history.prepare_history()
    while await storage.history.roll_up(10):
        pass
    assert len(await hours_of_offers(engine)) == 16


async def test_hours_of_offers_that_were_rolled_up_while_the_clock_was_ahead_are_taken_back(
    storage: Storage, engine: AsyncEngine
) -> None:
    await watched_offer(storage, engine, YESTERDAY)
    async with engine.begin() as connection:
        ahead = text("UPDATE insight SET rolled_until = :until, offers_rolled_until = :until")
        await connection.execute(ahead.bindparams(until=MIDNIGHT + 2 * DAY))
        await connection.execute(
            text("""
                INSERT INTO offer_bucket_1h (product_id, offer_id, at, price_time, in_stock, unknown)
                SELECT product_id, product_id, :at, 0, 0, 0 FROM insight
            """).bindparams(at=MIDNIGHT + DAY)
        )
    assert [await storage.history.roll_up(10) for _ in range(2)] == [1, 0]
    assert await hours_of_offers(engine) == []
    assert await rows(engine, "SELECT offers_rolled_until FROM insight") == [(MIDNIGHT,)]
