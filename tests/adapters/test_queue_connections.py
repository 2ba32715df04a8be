"""The connections of the job queue: none waits for ever, and what SAQ needs is set after connecting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from adapters.job_queue import PatientQueue, postgres_queue
from adapters.queue_connections import QueueLimits, make_pool
from storages.silence import silent
from waiting import PATIENCE

AMPLE = QueueLimits(
    connections=2, connect=PATIENCE, pool_wait=PATIENCE, statement=PATIENCE, answer_margin=PATIENCE, check=PATIENCE
)
BRIEF = 0.2
"""Seconds for an answer, where a test is about silence."""

Pool = AsyncConnectionPool[Any]


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = make_pool(dsn, AMPLE)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def suspicious(dsn: str) -> AsyncIterator[Pool]:
    """Give a pool that takes a connection for lost if it does not answer the check before lending at once."""
    pool = make_pool(dsn, replace(AMPLE, check=BRIEF))
    await pool.open()
    yield pool
    await pool.close()


async def value(pool: Pool, sql: str) -> Any:
    async with pool.connection() as connection:
        row = await (await connection.execute(sql.encode())).fetchone()
        return row[0] if row else None


async def test_a_connection_has_the_schema_and_the_time_outs_of_the_queue(pool: Pool) -> None:
    assert await value(pool, "SHOW search_path") == "saq"
    assert await value(pool, "SHOW statement_timeout") == "1min"
    async with pool.connection() as connection:
        assert connection.answer_seconds == AMPLE.statement + AMPLE.answer_margin


async def test_a_statement_on_a_silent_server_ends_and_its_connection_is_replaced(pool: Pool) -> None:
    async with pool.connection() as connection:
        connection.answer_seconds = BRIEF
        with silent(connection.info.backend_pid), pytest.raises(psycopg.OperationalError):
            await connection.execute(b"SELECT 1")
    assert await value(pool, "SELECT 1") == 1


async def test_connections_whose_server_fell_silent_while_they_lay_in_the_pool_are_replaced(
    suspicious: Pool,
) -> None:
    pid = await value(suspicious, "SELECT pg_backend_pid()")
    with silent(pid):
        assert await value(suspicious, "SELECT pg_backend_pid()") != pid


async def first_heard(listening: psycopg.AsyncConnection[Any]) -> str:
    [payload] = [notify.payload async for notify in listening.notifies(stop_after=1)]
    return str(payload)


async def test_listening_may_take_longer_than_a_statement(pool: Pool) -> None:
    async with pool.connection() as listening:
        await listening.execute(b"LISTEN anything")
        listening.answer_seconds = BRIEF
        heard = asyncio.create_task(first_heard(listening))
        await asyncio.wait([heard], timeout=3 * BRIEF)
        await value(pool, "SELECT pg_notify('anything', 'said')")
        assert await heard == "said"


async def test_no_more_connections_are_opened_than_there_may_be(dsn: str, engine: object) -> None:
    pool = make_pool(dsn, replace(AMPLE, connections=1))
    await pool.open(wait=True)
    assert (pool.get_stats()["pool_size"], pool.get_stats()["connections_num"]) == (1, 1)
    await pool.close()


async def test_a_worker_pauses_while_the_queue_cannot_be_asked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = postgres_queue(dsn, AMPLE)
    attempts = 0

    async def refused(_: PatientQueue) -> None:
        nonlocal attempts
        attempts += 1
        raise psycopg.OperationalError("away")

    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr(PatientQueue, "_dequeue", refused)
    monkeypatch.setattr(asyncio, "sleep", pause)
    assert await queue.dequeue() is None
    assert (attempts, paused) == (1, [1.0])
