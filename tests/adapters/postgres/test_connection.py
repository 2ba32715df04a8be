"""Connections are lent in the order of asking, by the driver too, and those that were lost are not lent again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from adapters.postgres.connection import DatabaseLimits, close_engine, connect, create_engine, fetch
from adapters.postgres.new_connection import Keepalive
from adapters.postgres.pool import with_reserved
from application.storage import StorageUnavailable
from storages.databases import AMPLE
from storages.silence import silent
from storages.statements import answered
from waiting import PATIENCE

PID = "SELECT pg_backend_pid()"
ONE = replace(AMPLE, connections=1, statement=30)


@pytest.fixture
async def single(dsn: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine with one connection."""
    engine = create_engine(dsn, ONE)
    yield engine
    await engine.dispose()


@pytest.fixture
async def impatient(dsn: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine with one connection, whose server ends statements after half a second."""
    engine = create_engine(dsn, replace(ONE, statement=0.5))
    yield engine
    await engine.dispose()


async def value(engine: AsyncEngine, sql: str, *values: object) -> Any:
    rows = await fetch(engine, sql, values)
    return rows[0][0]


async def borrow(engine: AsyncEngine) -> None:
    async with connect(engine):
        pass


async def test_the_driver_and_sqlalchemy_share_connections(single: AsyncEngine) -> None:
    pid = await value(single, PID)
    async with connect(single) as lent:
        assert (await lent.execute(text(PID))).scalar_one() == pid
    assert await value(single, "SELECT $1::int + 1", 41) == 42


async def test_a_read_by_the_driver_leaves_no_transaction_open(single: AsyncEngine, engine: AsyncEngine) -> None:
    pid = await value(single, PID)
    assert await value(engine, "SELECT state FROM pg_stat_activity WHERE pid = $1", pid) == "idle"


async def test_a_connection_that_ended_while_nobody_used_it_is_replaced(
    single: AsyncEngine, engine: AsyncEngine
) -> None:
    pid = await value(single, PID)
    # The second number waits until it has ended, the yielding until we have heard of it.
    assert await value(engine, "SELECT pg_terminate_backend($1, 5000)", pid)
    for _ in range(10):
        await asyncio.sleep(0)
    assert await value(single, PID) != pid


async def test_a_connection_that_ends_during_a_read_is_replaced_by_the_next(
    single: AsyncEngine, engine: AsyncEngine
) -> None:
    pid = await value(single, PID)
    reading = asyncio.create_task(value(single, "SELECT pg_sleep(25)"))
    async with asyncio.timeout(PATIENCE):
        while await value(engine, "SELECT state FROM pg_stat_activity WHERE pid = $1", pid) != "active":
            pass
    await value(engine, "SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(StorageUnavailable):
        await reading
    assert await value(single, PID) != pid


async def test_a_read_that_takes_too_long_is_given_up_and_its_connection_goes_on(impatient: AsyncEngine) -> None:
    pid = await answered(lambda: value(impatient, PID))
    with pytest.raises(StorageUnavailable):
        await value(impatient, "SELECT pg_sleep(60)")
    assert await answered(lambda: value(impatient, PID)) == pid


async def test_a_cancelled_read_gives_its_connection_back(single: AsyncEngine, engine: AsyncEngine) -> None:
    for _ in range(3):
        pid = await value(single, PID)
        reading = asyncio.create_task(value(single, "SELECT pg_sleep(25)"))
        async with asyncio.timeout(PATIENCE):
            while await value(engine, "SELECT state FROM pg_stat_activity WHERE pid = $1", pid) != "active":
                pass
        reading.cancel()
        await asyncio.wait([reading])
    assert await value(single, "SELECT 1") == 1


async def test_a_connection_that_the_driver_is_busy_with_is_not_lent_again(
    single: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = await value(single, PID)

    async def confused(*_: object) -> None:
        raise asyncpg.InternalClientError("another operation is in progress")

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", confused)
        with pytest.raises(StorageUnavailable):
            await value(single, PID)
    assert await value(single, PID) != pid


async def test_connections_are_lent_in_the_order_of_asking(single: AsyncEngine) -> None:
    served: list[int] = []

    async def read(number: int) -> None:
        await value(single, "SELECT 1")
        served.append(number)

    async def write(number: int) -> None:
        async with connect(single) as lent:
            await lent.execute(text("SELECT 1"))
            served.append(number)

    await asyncio.gather(*((read if number % 3 else write)(number) for number in range(30)))
    assert served == list(range(30))


@pytest.mark.parametrize("by_the_driver", [True, False])
async def test_a_wait_for_a_connection_is_bounded_and_leaves_no_trace(dsn: str, by_the_driver: bool) -> None:
    impatient = create_engine(dsn, replace(ONE, pool_wait=0.05))
    async with connect(impatient):
        with pytest.raises(StorageUnavailable):
            await (value(impatient, "SELECT 1") if by_the_driver else borrow(impatient))
    assert await value(impatient, "SELECT 1") == 1
    await impatient.dispose()


async def test_the_reserved_connection_is_free_while_all_others_are_lent(dsn: str) -> None:
    engine = create_engine(dsn, replace(ONE, reserved=1, pool_wait=0.05))
    reserved = with_reserved(engine)
    async with connect(engine):
        with pytest.raises(StorageUnavailable):
            await fetch(engine, "SELECT 1", ())
        assert await value(reserved, "SELECT 2") == 2
        async with connect(reserved):
            with pytest.raises(StorageUnavailable):
                await fetch(reserved, "SELECT 3", ())
    assert await value(reserved, "SELECT 4") == await value(engine, "SELECT 4") == 4
    await engine.dispose()


async def test_a_statement_with_an_error_is_a_defect_and_gives_its_connection_back(single: AsyncEngine) -> None:
    for _ in range(3):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await value(single, "SELECT 1 / 0")
    assert await value(single, "SELECT 1") == 1


@pytest.mark.parametrize("sslmode", ["prefer", "disable"])
async def test_a_server_that_hangs_up_on_everybody_is_unavailable(sslmode: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    dsn = f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/nothing?sslmode={sslmode}"
    hanging_up = create_engine(dsn, DatabaseLimits(connections=1, statement=0.5))
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await value(hanging_up, "SELECT 1")
        with pytest.raises(StorageUnavailable):
            await borrow(hanging_up)
    await hanging_up.dispose()
    server.close()


async def test_without_a_server_nothing_is_lent_and_no_turn_is_lost() -> None:
    nowhere = create_engine("postgresql://nobody@127.0.0.1:1/nothing", DatabaseLimits(connections=1, statement=0.5))
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await value(nowhere, "SELECT 1")
        with pytest.raises(StorageUnavailable):
            await borrow(nowhere)
    await nowhere.dispose()


@pytest.fixture
async def four(dsn: str) -> AsyncIterator[AsyncEngine]:
    """Give an engine with four connections."""
    engine = create_engine(dsn, replace(AMPLE, connections=4))
    yield engine
    await engine.dispose()


async def pids_of(engine: AsyncEngine) -> set[int]:
    async with AsyncExitStack() as stack:
        lent = [await stack.enter_async_context(connect(engine)) for _ in range(4)]
        return {(await each.execute(text(PID))).scalar_one() for each in lent}


@pytest.mark.parametrize("by_the_driver", [True, False])
async def test_after_one_silent_connection_no_other_open_one_is_lent(
    four: AsyncEngine, monkeypatch: pytest.MonkeyPatch, by_the_driver: bool
) -> None:
    opened = asyncpg.connect

    async def impatient(*args: Any, command_timeout: float, **options: Any) -> Any:
        assert command_timeout == AMPLE.statement + AMPLE.answer_margin
        return await opened(*args, command_timeout=0.5, **options)

    # Those that fall silent wait half a second for an answer; those that take their places must give one.
    with monkeypatch.context() as patch:
        patch.setattr(asyncpg, "connect", impatient)
        pids = await answered(lambda: pids_of(four))
    with silent(*pids):
        with pytest.raises(StorageUnavailable):
            await (value(four, PID) if by_the_driver else ask(four))
        for _ in range(4):
            assert await value(four, PID) not in pids


async def ask(engine: AsyncEngine) -> None:
    async with connect(engine) as lent:
        await lent.execute(text(PID))


@pytest.mark.parametrize("by_the_driver", [True, False])
async def test_a_connection_that_ended_in_the_pool_costs_nobody_an_error(
    four: AsyncEngine, engine: AsyncEngine, by_the_driver: bool
) -> None:
    for pid in await pids_of(four):
        assert await value(engine, "SELECT pg_terminate_backend($1, 5000)", pid)
    for _ in range(10):
        await asyncio.sleep(0)
    for _ in range(4):
        await (value(four, PID) if by_the_driver else ask(four))


async def test_closing_is_bounded_while_the_server_is_silent(dsn: str) -> None:
    engine = create_engine(dsn, replace(AMPLE, connections=4))
    with silent(*await pids_of(engine)):
        await close_engine(engine, 0.1)


async def test_a_connection_has_our_settings_and_its_kernel_looks_after_it(single: AsyncEngine) -> None:
    assert await value(single, "SHOW statement_timeout") == "30s"
    assert await value(single, "SHOW timezone") == "UTC"
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname()) as connected:
        Keepalive(idle=11, interval=12, probes=13, unacknowledged=14).apply(connected)
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        assert [connected.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [11, 12, 13, 14_000]
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_of_several_hosts_the_first_that_answers_is_taken(dsn: str) -> None:
    """The first refuses, the second says nothing, the third is the server."""
    folder = parse_qs(urlsplit(dsn).query)["host"][0]

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent_server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent_server.sockets[0].getsockname()[1]
    several = f"postgresql://aggregator@/aggregator?host=127.0.0.1,127.0.0.1,{folder}&port=1,{port},5432"
    engine = create_engine(several, DatabaseLimits(connections=1, connect=3))
    assert await answered(lambda: value(engine, "SELECT 1")) == 1
    await engine.dispose()
    silent_server.close()


async def test_trouble_is_logged_when_it_begins_and_when_it_ends(dsn: str, engine: AsyncEngine) -> None:
    role = f"barred_{uuid4().hex}"
    async with connect(engine) as admin:
        await admin.execute(text(f"CREATE ROLE {role} NOLOGIN"))
        await admin.commit()
        barred = create_engine(dsn.replace("//aggregator@", f"//{role}@"), ONE)
        with capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(StorageUnavailable):
                    await value(barred, "SELECT 1")
            await admin.execute(text(f"ALTER ROLE {role} LOGIN"))
            await admin.commit()
            assert await value(barred, "SELECT 1") == 1
        await barred.dispose()
        await admin.execute(text(f"DROP ROLE {role}"))
        await admin.commit()
    assert [(entry["event"], entry.get("reason")) for entry in logs] == [
        ("database in trouble", "the database refuses the user of DATABASE_URL, or connections without TLS (sslmode)"),
        ("database is back", None),
    ]
