"""Long reads of one snapshot: nothing of them goes on once their reader has left, and no reader holds one for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, close_engine, create_engine, fetch
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.snapshot import SnapshotLimits, read_snapshot
from application.storage import StorageUnavailable
from waiting import PATIENCE

NUMBERS = DriverQuery("SELECT n FROM generate_series(1, $1::int) AS n", ())
SLOW = DriverQuery("SELECT n, pg_sleep(n) FROM generate_series(0, $1::int) AS n", ())
FEW = SnapshotLimits(rows=2)
# What other connections of these tests' engine are busy with, or hold open.
ACTIVITY = """
    SELECT state, query FROM pg_stat_activity
    WHERE application_name = 'product-aggregator' AND pid = $1 AND state <> 'idle'
"""


@pytest.fixture
async def single(dsn: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine with one connection, so that a leak of it is noticed; a statement has half a second."""
    engine = create_engine(dsn, DatabaseLimits(connections=1, statement=0.5, idle_in_transaction=0.5))
    yield engine
    await close_engine(engine, 2)


async def pid_of(single: AsyncEngine) -> int:
    (row,) = await fetch(single, "SELECT pg_backend_pid()", [])
    return int(row[0])


async def busy(engine: AsyncEngine, pid: int) -> list[Any]:
    return await fetch(engine, ACTIVITY, [pid])


async def until_busy(engine: AsyncEngine, pid: int, is_so: Callable[[list[Any]], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so(await busy(engine, pid)):
            pass


async def test_rows_come_in_batches_and_the_connection_goes_back(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await pid_of(single)
    async with aclosing(read_snapshot(single, FEW, NUMBERS, [5])) as batches:
        found = [[row[0] for row in batch] async for batch in batches]
    assert found == [[1, 2], [3, 4], [5]]
    assert await pid_of(single) == pid
    assert await busy(engine, pid) == []


async def test_a_reader_that_ends_early_leaves_nothing_behind(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await pid_of(single)
    async with aclosing(read_snapshot(single, FEW, NUMBERS, [1_000_000])) as batches:
        await anext(batches)
        assert [row[0] for row in await busy(engine, pid)] == ["idle in transaction"]
    assert await busy(engine, pid) == []
    assert await pid_of(single) == pid


async def test_a_statement_ends_when_its_reader_is_cancelled(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await pid_of(single)

    async def read() -> None:
        async with aclosing(read_snapshot(single, SnapshotLimits(statement=60), SLOW, [600])) as batches:
            async for _ in batches:
                pass

    reading = asyncio.create_task(read())
    await until_busy(engine, pid, lambda found: any("pg_sleep" in row[1] and row[0] == "active" for row in found))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    # It has ended already, and the connection is good for the next.
    assert await busy(engine, pid) == []
    assert await pid_of(single) == pid


async def test_a_batch_has_a_limit_of_its_own(single: AsyncEngine) -> None:
    """Longer than that of other statements, and an end all the same."""
    patient, hasty = SnapshotLimits(rows=1, statement=30), SnapshotLimits(rows=1, statement=0.1)
    async with aclosing(read_snapshot(single, patient, SLOW, [1])) as batches:
        assert [row[0] for batch in [each async for each in batches] for row in batch] == [0, 1]
    async with aclosing(read_snapshot(single, hasty, SLOW, [600])) as batches:
        await anext(batches)
        with pytest.raises(StorageUnavailable):
            await anext(batches)
    (row,) = await fetch(single, "SHOW statement_timeout", [])
    assert row[0] == "500ms"


async def test_a_reader_that_pauses_too_long_loses_its_snapshot(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await pid_of(single)
    async with aclosing(read_snapshot(single, SnapshotLimits(rows=2, idle=0.1), NUMBERS, [5])) as batches:
        await anext(batches)
        await until_busy(engine, pid, lambda found: not found)
        with pytest.raises(StorageUnavailable):
            await anext(batches)
    assert await pid_of(single) != pid


async def test_a_read_whose_connection_is_lost_says_so(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await pid_of(single)
    async with aclosing(read_snapshot(single, FEW, NUMBERS, [5])) as batches:
        await anext(batches)
        await fetch(engine, "SELECT pg_terminate_backend($1)", [pid])
        await until_busy(engine, pid, lambda found: not found)
        with pytest.raises(StorageUnavailable):
            await anext(batches)
    assert await pid_of(single) != pid


async def test_nothing_can_be_written(single: AsyncEngine) -> None:
    writing = DriverQuery("INSERT INTO product DEFAULT VALUES RETURNING 1", ())
    async with aclosing(read_snapshot(single, FEW, writing, [])) as batches:
        with pytest.raises(StorageUnavailable):
            await anext(batches)
