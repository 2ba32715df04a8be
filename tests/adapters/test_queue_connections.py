"""The connections of the job queue: none waits for ever, and what SAQ needs is set after connecting."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from adapters.job_queue import PatientQueue, postgres_queue
from adapters.queue_connections import QueueLimits, make_pool
from storages.silence import silent

BRIEF = QueueLimits(connections=2, statement=0.3, answer_margin=0.2, check=0.2, pool_wait=30)

Pool = AsyncConnectionPool[Any]


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = make_pool(dsn, BRIEF)
    await pool.open()
    yield pool
    await pool.close()


async def value(pool: Pool, sql: str) -> Any:
    async with pool.connection() as connection:
        row = await (await connection.execute(sql.encode())).fetchone()
        return row[0] if row else None


async def test_a_connection_has_the_schema_and_the_time_out_of_the_queue(pool: Pool) -> None:
    assert await value(pool, "SHOW search_path") == "saq"
    assert await value(pool, "SHOW statement_timeout") == "300ms"


async def test_a_statement_on_a_silent_server_ends_and_its_connection_is_replaced(pool: Pool) -> None:
    async with pool.connection() as connection:
        with silent(connection.info.backend_pid), pytest.raises(psycopg.OperationalError):
            await connection.execute(b"SELECT 1")
    assert await value(pool, "SELECT 1") == 1


async def test_connections_whose_server_fell_silent_while_they_lay_in_the_pool_are_replaced(pool: Pool) -> None:
    pid = await value(pool, "SELECT pg_backend_pid()")
    with silent(pid):
        assert await value(pool, "SELECT pg_backend_pid()") != pid


async def first_heard(listening: psycopg.AsyncConnection[Any]) -> str:
    [payload] = [notify.payload async for notify in listening.notifies(stop_after=1)]
    return str(payload)


async def test_listening_may_take_longer_than_a_statement(pool: Pool) -> None:
    async with pool.connection() as listening:
        await listening.execute(b"LISTEN anything")
        heard = asyncio.create_task(first_heard(listening))
        await asyncio.wait([heard], timeout=3 * (BRIEF.statement + BRIEF.answer_margin))
        await value(pool, "SELECT pg_notify('anything', 'said')")
        assert await heard == "said"


async def test_no_more_connections_are_opened_than_there_may_be(dsn: str, engine: object) -> None:
    pool = make_pool(dsn, QueueLimits(connections=1))
    await pool.open(wait=True)
    assert (pool.get_stats()["pool_size"], pool.get_stats()["connections_num"]) == (1, 1)
    await pool.close()


async def test_a_worker_pauses_while_the_queue_cannot_be_asked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = postgres_queue(dsn, BRIEF)
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
