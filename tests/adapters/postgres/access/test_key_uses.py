"""The last uses of keys: written behind the requests, never lost without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from adapters.postgres.access import key_uses
from adapters.postgres.access.key_uses import SqlAlchemyKeyUses
from adapters.postgres.connection import connect as reaching
from application.access.actor import Scope
from application.access.api_keys import ApiKey
from application.storage import StorageUnavailable
from factories import some_id
from fakes.storage import FakeClock
from storages.databases import system_clock
from storages.storage import on_postgres
from waiting import PATIENCE

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(system_clock() - timedelta(hours=1))


async def new_key(engine: AsyncEngine) -> UUID:
    key = ApiKey(some_id(), "Import", "pak_7Qm2XbTe", (Scope.AUDIT_READ,), system_clock(), None)
    async with on_postgres(engine).begin() as work:
        await work.keys.add(key, key.id.bytes)
        await work.commit()
    return key.id


@asynccontextmanager
async def running(engine: AsyncEngine, clock: FakeClock) -> AsyncIterator[SqlAlchemyKeyUses]:
    """Run until the end of the block, by when all is written or given up."""
    uses = SqlAlchemyKeyUses(engine, clock, 0.0)
    task = asyncio.create_task(uses.run())
    yield uses
    uses.close()
    await task


async def last_uses(engine: AsyncEngine) -> dict[UUID, datetime | None]:
    return {key.id: key.last_used_at for key in await on_postgres(engine).keys.list(10)}


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


async def test_uses_are_stored_as_their_minutes_and_never_go_back(database: AsyncEngine, clock: FakeClock) -> None:
    one, other, unused = [await new_key(database) for _ in range(3)]
    async with running(database, clock) as uses:
        uses.note(one)
        uses.note(other)
    first = clock.now
    async with running(database, clock) as uses:
        clock.advance(A_MINUTE)
        uses.note(one)
    clock.advance(-10 * A_MINUTE)
    async with running(database, clock) as uses:
        uses.note(one)
        uses.note(some_id())
    assert await last_uses(database) == {one: minute(first + A_MINUTE), other: minute(first), unused: None}


async def test_a_use_is_written_once_a_minute(database: AsyncEngine, clock: FakeClock) -> None:
    key = await new_key(database)
    clock.now = minute(clock.now)
    uses = SqlAlchemyKeyUses(database, clock, 0.0)
    uses.note(key)
    assert uses._unwritten.keys() == {key}
    await uses._write()
    for seconds in (20, 39):
        clock.advance(timedelta(seconds=seconds))
        uses.note(key)
        assert uses._unwritten == {}
    clock.advance(timedelta(seconds=1))
    uses.note(key)
    assert uses._unwritten == {key: clock.now}


async def test_a_process_whose_clock_is_ahead_stores_nothing_from_the_future(database: AsyncEngine) -> None:
    key = await new_key(database)
    async with running(database, FakeClock(system_clock() + timedelta(days=400))) as uses:
        uses.note(key)
    stored = (await last_uses(database))[key]
    assert stored is not None
    assert stored <= system_clock()


async def test_uses_wait_for_a_database_that_is_away(
    database: AsyncEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, attempts = await new_key(database), 0
    back = asyncio.Event()

    @asynccontextmanager
    async def connect(engine: AsyncEngine) -> AsyncIterator[object]:
        nonlocal attempts
        attempts += 1
        if attempts > 3:
            back.set()
        if attempts <= 3:
            raise StorageUnavailable("switched off")
        async with reaching(engine) as connection:
            yield connection

    monkeypatch.setattr(key_uses, "connect", connect)
    with capture_logs() as lines:
        async with running(database, clock) as uses:
            uses.note(key)
            async with asyncio.timeout(PATIENCE):
                await back.wait()
    assert (await last_uses(database))[key] == minute(clock.now)
    assert [line["event"] for line in lines] == ["last uses of keys not written yet"]


async def test_uses_that_are_lost_at_the_end_are_logged(
    database: AsyncEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def connect(_: AsyncEngine) -> AsyncIterator[object]:
        raise StorageUnavailable("switched off")
        yield

    monkeypatch.setattr(key_uses, "connect", connect)
    with capture_logs() as lines:
        async with running(database, clock) as uses:
            uses.note(some_id())
    assert lines[-1]["event"] == "last uses of keys lost: the database could not be reached"
    assert lines[-1]["keys"] == 1
