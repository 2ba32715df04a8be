"""SAQ's queue where clocks differ: by its own doing it goes by the clock of each process."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import SaqJobQueue, create_queue_tables, postgres_queue
from adapters.queue_connections import QueueLimits
from application.synchronisation.scheduling import Job
from storages.databases import NewDatabase
from waiting import PATIENCE

AHEAD = 800 * 86_400


@pytest.fixture(scope="module")
async def queue_dsn(new_database: NewDatabase) -> str:
    """Give a database with SAQ's tables and nothing else."""
    dsn = await new_database()
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("CREATE SCHEMA saq")
    await create_queue_tables(dsn)
    return dsn


@asynccontextmanager
async def connected(dsn: str, *, idle: bool = False) -> AsyncIterator[PostgresQueue]:
    queue = postgres_queue(dsn, QueueLimits(), lock_keyspace=2, idle=lambda: idle)
    await queue.connect()
    yield queue
    await queue.disconnect()


@pytest.fixture
async def queue(queue_dsn: str) -> AsyncIterator[PostgresQueue]:
    """Give the queue of a process whose clock is right, with nothing in it."""
    async with connected(queue_dsn) as queue:
        async with queue.pool.connection() as connection:
            await connection.execute("DELETE FROM saq_jobs")
        yield queue


async def keys(queue: PostgresQueue) -> list[str]:
    async with queue.pool.connection() as connection:
        rows = await (await connection.execute("SELECT key FROM saq_jobs ORDER BY key")).fetchall()
    return [key for (key,) in rows]


async def test_a_cron_job_that_a_clock_has_put_off_for_years_is_removed_and_may_be_put_off_anew(
    queue: PostgresQueue,
) -> None:
    soon = int(time.time()) + 240
    assert await queue.enqueue("housekeeping", key="cron:housekeeping", scheduled=soon + AHEAD)
    assert await queue.enqueue("price_changes", key="cron:price_changes", scheduled=soon)
    await SaqJobQueue(queue, 25).remove_misdated()
    assert await keys(queue) == ["cron:price_changes"]
    assert await queue.enqueue("housekeeping", key="cron:housekeeping", scheduled=soon)


@pytest.mark.parametrize(("started", "left"), [(AHEAD, 0), (3_600, 0), (0, 1), (-60, 1)])
async def test_a_job_that_was_begun_ahead_by_a_process_that_is_gone_is_removed(
    queue: PostgresQueue, started: int, left: int
) -> None:
    """SAQ would take it for running until then, and its key would be taken."""
    assert await queue.enqueue("housekeeping", key="cron:housekeeping")
    job = await queue.dequeue(timeout=PATIENCE)
    assert job is not None
    async with queue.pool.connection() as connection:
        (stored,) = await (await connection.execute("SELECT job FROM saq_jobs")).fetchall()
        changed = json.loads(stored[0]) | {"started": int((time.time() + started) * 1000)}
        await connection.execute("UPDATE saq_jobs SET job = %s", (json.dumps(changed).encode(),))
    await SaqJobQueue(queue, 25).remove_misdated()
    assert len(await keys(queue)) == left


async def test_an_idle_queue_gives_out_nothing_and_sweeps_nothing(queue: PostgresQueue, queue_dsn: str) -> None:
    jobs = SaqJobQueue(queue, 25)
    await jobs.put(Job.REFRESH_DUE_PRODUCTS)
    async with queue.pool.connection() as connection:
        await connection.execute("UPDATE saq_jobs SET scheduled = scheduled - 1")
    async with connected(queue_dsn, idle=True) as other:
        assert await other.dequeue(timeout=0.1) is None
        assert await other.sweep() == []
        assert not other._has_sweep_lock
    assert await queue.dequeue(timeout=PATIENCE) is not None
