"""Behind PgBouncer in transaction mode every transaction keeps our limits, and leaves nothing behind in its session.

Runs where PgBouncer is installed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import (
    DatabaseLimits,
    close_engine,
    connect,
    create_engine,
    fetch,
    for_single_statements,
)
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.errors import Locked
from adapters.postgres.schema import ServerUnsuitable, require_sessions, require_way_past_pooler
from adapters.postgres.snapshot import SnapshotLimits, read_snapshot
from application.storage import StorageUnavailable
from storages.databases import AMPLE
from storages.poolers import Pooler, needs_pgbouncer
from storages.statements import answered
from waiting import PATIENCE

pytestmark = needs_pgbouncer

LIMITS = replace(AMPLE, connections=8, lock=0.2)
"""Ample but for the wait for a lock, which is free wherever no test holds it."""
QUERY_WAIT = round(PATIENCE)
SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit", "timezone")
IN_FORCE = ["1min", "200ms", "2min", "off", "UTC"]
CURRENT = f"SELECT {', '.join(f'current_setting({name!r})' for name in SETTINGS)}"
ADVISORY = 42


@pytest.fixture(scope="module")
def pooler(dsn: str) -> Iterator[Pooler]:
    with Pooler(dsn, size=2, query_wait=QUERY_WAIT) as pooler:
        yield pooler


@asynccontextmanager
async def engine_for(dsn: str, limits: DatabaseLimits = LIMITS, *, pooled: bool = True) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(dsn, limits, pooled=pooled)
    yield engine
    await close_engine(engine, 2)


@pytest.fixture
async def pooled(pooler: Pooler) -> AsyncIterator[AsyncEngine]:
    async with engine_for(pooler.dsn) as engine:
        yield engine


async def by_driver(engine: AsyncEngine) -> list[object]:
    return list((await fetch(engine, CURRENT, ()))[0])


async def by_sqlalchemy(engine: AsyncEngine) -> list[object]:
    async with connect(engine) as connection:
        return list((await connection.execute(text(CURRENT))).one())


async def in_one_snapshot(engine: AsyncEngine) -> list[object]:
    async with connect(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        return list((await connection.execute(text(CURRENT))).one())


async def by_itself(engine: AsyncEngine) -> list[object]:
    return await by_sqlalchemy(for_single_statements(engine))


@pytest.mark.parametrize("read", [by_driver, by_sqlalchemy, in_one_snapshot, by_itself])
async def test_the_limits_are_in_force(pooled: AsyncEngine, read: Callable[[AsyncEngine], Awaitable[object]]) -> None:
    # In more transactions than the pooler has sessions, and more than once on each connection.
    assert await asyncio.gather(*(read(pooled) for _ in range(20))) == [IN_FORCE] * 20


async def test_an_export_has_limits_of_its_own(pooled: AsyncEngine) -> None:
    limits = SnapshotLimits(rows=1, statement=3 * PATIENCE, idle=4 * PATIENCE)
    wanted = (
        f"SELECT {', '.join(f'current_setting({name!r}) AS {name}' for name in SETTINGS)} FROM generate_series(1, $1)"
    )
    async with aclosing(read_snapshot(pooled, limits, DriverQuery(wanted, ()), [3])) as batches:
        first = list((await anext(batches))[0])
        # Others go on meanwhile, in the pooler's other session.
        assert await by_driver(pooled) == IN_FORCE
        rows = [list(row) async for batch in batches for row in batch]
    assert [first, *rows] == [["3min", "200ms", "4min", "off", "UTC"]] * 3


async def test_a_locked_row_ends_by_the_lock_timeout(pooled: AsyncEngine) -> None:
    lock = text(f"SELECT pg_advisory_xact_lock({ADVISORY})")
    async with connect(pooled) as holding:
        await holding.execute(lock)
        with pytest.raises(Locked):
            async with connect(pooled) as waiting:
                await waiting.execute(lock)
        with pytest.raises(StorageUnavailable):
            await fetch(pooled, str(lock), ())
    async with connect(pooled) as later:
        await later.execute(lock)


async def test_a_slow_statement_is_ended_and_its_connection_is_lent_again(pooler: Pooler) -> None:
    async with engine_for(pooler.dsn, replace(LIMITS, connections=1, statement=0.2)) as engine:
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await fetch(engine, "SELECT pg_sleep(30)", ())
            assert [row[0] for row in await answered(lambda: fetch(engine, "SELECT $1::int", (1,)))] == [1]


async def test_a_wait_for_a_session_ends(pooler: Pooler) -> None:
    async with (
        engine_for(pooler.dsn) as holding,
        engine_for(pooler.dsn, replace(LIMITS, connections=1, statement=0.2, answer_margin=0.2)) as engine,
    ):
        assert await answered(lambda: fetch(engine, "SELECT 1", ()))
        async with connect(holding) as one, connect(holding) as another:
            await asyncio.gather(one.execute(text("SELECT 1")), another.execute(text("SELECT 1")))
            with pytest.raises(StorageUnavailable):
                await fetch(engine, "SELECT 1", ())
        assert await answered(lambda: fetch(engine, "SELECT 1", ()))


async def test_nothing_outlives_a_transaction(dsn: str) -> None:
    with Pooler(dsn, size=1, query_wait=QUERY_WAIT) as pooler:
        async with engine_for(pooler.dsn) as engine:
            for _ in range(2):
                await by_driver(engine)
                await by_sqlalchemy(engine)
                async with aclosing(read_snapshot(engine, SnapshotLimits(), DriverQuery(CURRENT, ()), [])) as batches:
                    assert len([batch async for batch in batches]) == 1
        neighbour = await asyncpg.connect(pooler.dsn, statement_cache_size=0)
        names = [row[0] for row in await neighbour.fetch("SELECT name FROM pg_prepared_statements")]
        changed = await neighbour.fetch("SELECT name, setting FROM pg_settings WHERE source = 'session'")
        await neighbour.close()
        # PgBouncer itself gives a session the start parameters of each client.
        assert (names, {row[0] for row in changed} & set(SETTINGS)) == ([], set())


async def test_a_pooler_that_was_not_declared_is_noticed_while_others_use_it(
    pooler: Pooler, pooled: AsyncEngine
) -> None:
    busy = [asyncio.create_task(by_driver(pooled)) for _ in range(200)]
    for connections in (1, 3):
        async with engine_for(pooler.dsn, replace(LIMITS, connections=connections), pooled=False) as engine:
            with pytest.raises(ServerUnsuitable, match="set DATABASE_POOLER=transaction, and DATABASE_DIRECT_URL"):
                await require_sessions(engine)
    await asyncio.gather(*busy)
    await require_sessions(pooled)


async def test_pooled_sessions_are_as_good_as_the_server_itself(dsn: str) -> None:
    with Pooler(dsn, "session", size=2, query_wait=QUERY_WAIT) as pooler:
        for url in (pooler.dsn, dsn):
            async with engine_for(url, pooled=False) as engine:
                await require_sessions(engine)
                await require_way_past_pooler(engine)


async def test_a_way_past_the_pooler_that_leads_to_it_is_refused_by_name(pooler: Pooler) -> None:
    async with engine_for(pooler.dsn, pooled=False) as engine:
        with pytest.raises(ServerUnsuitable, match="stands at DATABASE_DIRECT_URL, too"):
            await require_way_past_pooler(engine)


async def test_trouble_past_the_pooler_names_the_setting_of_that_way() -> None:
    async with engine_for("postgresql://aggregator@127.0.0.1:9/nowhere", pooled=False) as engine:
        with pytest.raises(StorageUnavailable, match="nothing listens at the host and port of DATABASE_DIRECT_URL"):
            await require_way_past_pooler(engine)


async def test_a_refusal_of_the_pooler_itself_says_where_its_reason_is(pooler: Pooler) -> None:
    async with engine_for(pooler.dsn.replace("//aggregator@", "//stranger@")) as engine:
        with pytest.raises(StorageUnavailable, match=r"the pooler before the database .* its log says why"):
            await fetch(engine, "SELECT 1", ())
