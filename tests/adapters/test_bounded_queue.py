"""A server that stops answering holds no call on the queue for ever."""

import os
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import QueueLimits, SaqJobQueue, create_queue_tables, postgres_queue
from storages.databases import NewDatabase

LIMITS = QueueLimits(connections=2, pool_wait=50.0, lent=0.5, listening=0.2)


@pytest.fixture
async def queue_dsn(new_database: NewDatabase) -> str:
    dsn = await new_database()
    admin = await asyncpg.connect(dsn)
    await admin.execute("CREATE SCHEMA saq")
    await admin.close()
    await create_queue_tables(dsn)
    return dsn


@pytest.fixture
async def queue(queue_dsn: str) -> AsyncIterator[PostgresQueue]:
    queue = postgres_queue(queue_dsn, LIMITS)
    await queue.connect()
    yield queue
    await queue.disconnect()


async def backends(dsn: str) -> list[int]:
    admin = await asyncpg.connect(dsn)
    rows = await admin.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()
    return [row["pid"] for row in rows]


async def test_frozen_connections_are_replaced(queue: PostgresQueue, queue_dsn: str) -> None:
    jobs = SaqJobQueue(queue, 10)
    assert await jobs.waiting() == 0
    frozen = await backends(queue_dsn)
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert await jobs.waiting() == 0
        assert set(await backends(queue_dsn)) - set(frozen)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


async def test_listening_for_jobs_ends_before_the_connection_is_hung_up(queue: PostgresQueue) -> None:
    for _ in range(5):
        assert await queue.dequeue(timeout=LIMITS.listening) is None
