"""The event log on PostgreSQL: order under open transactions, generations of clusters, and dropped days."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch
from adapters.postgres.events.event_reader import READ, SEARCHED, PostgresEventReader
from adapters.postgres.events.event_upkeep import DAYS_AHEAD, PostgresEventUpkeep
from adapters.postgres.unit_of_work import BeginSqlAlchemyWork
from application.events.event_log import EVERYTHING, EventsExpired, Position, RecordedEvent
from domain.event import Event, EventType
from domain.prices.retention import Retention
from factories import some_id
from storages.event_pages import settled_page
from storages.query_plans import nodes

KEPT = timedelta(days=30)
AT = datetime(2026, 3, 14, 12, tzinfo=UTC)


def event(name: str) -> Event:
    return Event(EventType.PRODUCT_WITHDRAWN, some_id(), AT, {"name": name})


def names(events: list[RecordedEvent]) -> list[str]:
    return [msgspec.json.decode(each.json)["data"]["name"] for each in events]


async def append(engine: AsyncEngine, *events: Event) -> None:
    async with BeginSqlAlchemyWork(engine, Retention())() as work:
        await work.events.append(*events)
        await work.commit()


async def read_on(engine: AsyncEngine, after: Position | None) -> tuple[list[RecordedEvent], Position]:
    page = await settled_page(PostgresEventReader(engine), after, EVERYTHING, 100)
    return list(page.events), page.searched


async def test_fault_26_an_event_that_commits_late_is_neither_skipped_nor_read_twice(database: AsyncEngine) -> None:
    begin = BeginSqlAlchemyWork(database, Retention())
    async with begin() as late:
        await late.events.append(event("late"))
        await append(database, event("early"))
        page = await PostgresEventReader(database).read(None, EVERYTHING, 100)
        assert (list(page.events), page.caught_up) == ([], True)
        assert page.withheld is not None
        assert page.withheld > timedelta(0)
        await late.commit()
    found, position = await read_on(database, page.searched)
    assert names(found) == ["late", "early"]
    assert (await read_on(database, position))[0] == []


async def test_a_page_looks_once_for_what_is_withheld_however_many_events_it_has(database: AsyncEngine) -> None:
    await append(database, *(event(str(number)) for number in range(20)))
    await read_on(database, None)
    types = [each.value for each in EVERYTHING.types]
    asked = (0, 0, 0, SEARCHED, types, None, 100)
    (row,) = await fetch(database, f"EXPLAIN (ANALYZE, FORMAT JSON) {READ}", asked)
    plan = list(nodes(row[0][0]["Plan"]))
    assert plan[0]["Actual Rows"] == 20
    assert {node["Actual Loops"] for node in plan} <= {0, 1}


async def test_readers_hold_nothing_up(database: AsyncEngine) -> None:
    async with database.connect() as reading:
        await reading.execute(text("SELECT count(*) FROM event"))
        await append(database, event("read"))
        assert names((await read_on(database, None))[0]) == ["read"]


async def test_a_log_moved_to_another_cluster_goes_on_behind_all_that_it_has(database: AsyncEngine) -> None:
    upkeep = PostgresEventUpkeep(database, KEPT)
    await upkeep.prepare()
    await append(database, event("before"))
    before, _ = await read_on(database, None)
    # As if it came from a cluster with more transactions behind it than this one has.
    async with database.begin() as connection:
        await connection.execute(text("UPDATE event SET transaction = transaction + 1000000000"))
        await connection.execute(text("UPDATE event_log SET cluster = '1'"))
    old = before[0].position._replace(transaction=before[0].position.transaction + 1000000000)
    await upkeep.prepare()
    await upkeep.prepare()
    await append(database, event("after"))
    found, _ = await read_on(database, None)
    assert names(found) == ["before", "after"]
    assert [each.position.generation for each in found] == [1, 2]
    assert found[0].position == old
    assert names((await read_on(database, old))[0]) == ["after"]
    # A cursor from behind the dump, which the old cluster gave before it was lost.
    assert names((await read_on(database, old._replace(transaction=old.transaction + 5)))[0]) == ["after"]


async def test_transactions_from_the_future_begin_a_generation_by_themselves(database: AsyncEngine) -> None:
    upkeep = PostgresEventUpkeep(database, KEPT)
    await upkeep.prepare()
    await append(database, event("before"))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE event SET transaction = transaction + 1000000000"))
    await upkeep.prepare()
    await append(database, event("after"))
    found, _ = await read_on(database, None)
    assert names(found) == ["before", "after"]


async def _age_days(database: AsyncEngine, days: int) -> None:
    """Move the recorded events so many days back, into partitions of these days."""
    async with database.begin() as connection:
        day = (await connection.execute(text("SELECT (now() AT TIME ZONE 'UTC')::date"))).scalar_one() - timedelta(days)
        await connection.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS event_{day:%Y%m%d} PARTITION OF event "
                f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(1)} 00:00+00')"
            )
        )
        moved = f"UPDATE event SET recorded_at = '{day} 12:00+00' WHERE recorded_at > now() - INTERVAL '1 day'"
        await connection.execute(text(moved))


async def test_a_day_is_dropped_when_its_time_is_over_and_old_positions_say_so(database: AsyncEngine) -> None:
    upkeep = PostgresEventUpkeep(database, KEPT)
    await append(database, event("oldest"), event("old"))
    await _age_days(database, 33)
    old, _ = await read_on(database, None)
    await append(database, event("kept"))
    assert await upkeep.drop_expired() == 1
    assert await upkeep.drop_expired() == 0
    assert names((await read_on(database, None))[0]) == ["kept"]
    assert names((await read_on(database, old[1].position))[0]) == ["kept"]
    for position in (old[0].position, Position(0, 0, 1)):
        with pytest.raises(EventsExpired) as expired:
            await read_on(database, position)
        assert expired.value.oldest == old[1].position


async def test_a_day_whose_events_are_withheld_is_not_dropped(database: AsyncEngine) -> None:
    upkeep = PostgresEventUpkeep(database, KEPT)
    async with database.connect() as open_since_long:
        await open_since_long.execute(text("SELECT pg_current_xact_id()"))
        await append(database, event("withheld"))
        await _age_days(database, 33)
        assert await upkeep.drop_expired() == 0
    assert names((await read_on(database, None))[0]) == ["withheld"]
    assert await upkeep.drop_expired() == 1


async def test_days_are_made_ahead(database: AsyncEngine) -> None:
    partitions = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass")
    async with database.begin() as connection:
        for name in (await connection.execute(partitions)).scalars().all():
            await connection.execute(text(f"DROP TABLE {name}"))
    await PostgresEventUpkeep(database, KEPT).prepare()
    async with database.connect() as connection:
        assert len((await connection.execute(partitions)).all()) == DAYS_AHEAD + 2
    await append(database, event("today"))
