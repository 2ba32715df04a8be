"""Failed logins: what the port promises, on the fake and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.connection import DatabaseLimits, create_engine
from application.access.login_limits import LoginFailures
from application.storage import StorageUnavailable
from fakes.login_failures import InMemoryLoginFailures
from fakes.storage import InMemoryStorage

MINUTE = timedelta(minutes=1)
MOMENT = timedelta(milliseconds=20)
ADMIN, OTHER = b"\0admin", b"other"


@dataclass(frozen=True)
class Stored:
    failures: LoginFailures
    count: Callable[[], Awaitable[int]]
    turn_back_the_clock: Callable[[], Awaitable[None]]
    """By an hour, as far as the failures are concerned."""

    async def accounts(self, address: str, within: timedelta = MINUTE, at_most: int = 20) -> list[bytes]:
        return [failure.account for failure in await self.failures.recent(address, within, at_most)]


def in_memory() -> Stored:
    failures = InMemoryLoginFailures(InMemoryStorage(lambda: datetime.now(UTC)))

    async def count() -> int:
        return len(failures.rows)

    async def turn_back() -> None:
        failures.rows[:] = [row._replace(failed_at=row.failed_at + 60 * MINUTE) for row in failures.rows]

    return Stored(failures, count, turn_back)


def on_postgres(engine: AsyncEngine) -> Stored:
    async def count() -> int:
        async with engine.connect() as connection:
            counted: int = (await connection.execute(text("SELECT count(*) FROM login_failure"))).scalar_one()
            return counted

    async def turn_back() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE login_failure SET failed_at = failed_at + INTERVAL '1 hour'"))

    return Stored(SqlAlchemyLoginFailures(engine), count, turn_back)


@pytest.fixture(params=["fake", "real"])
def stored(request: pytest.FixtureRequest) -> Stored:
    if request.param == "fake":
        return in_memory()
    return on_postgres(request.getfixturevalue("database"))


@pytest.fixture
def address() -> str:
    return uuid4().hex


async def test_there_is_none_at_first_and_asking_makes_none(stored: Stored, address: str) -> None:
    assert await stored.accounts(address) == []
    assert await stored.count() == 0


async def test_failures_are_told_with_account_and_age_the_newest_first(stored: Stored, address: str) -> None:
    for account in (ADMIN, OTHER, ADMIN, ADMIN):
        await stored.failures.note(account, address, MINUTE)
        await asyncio.sleep(MOMENT.total_seconds())
    recent = await stored.failures.recent(address, MINUTE, 20)
    assert [failure.account for failure in recent] == [ADMIN, ADMIN, OTHER, ADMIN]
    ages = [failure.age for failure in recent]
    assert MOMENT <= ages[0] < ages[1] < ages[2] < ages[3] < MINUTE
    assert ages[3] >= 4 * MOMENT


async def test_only_so_many_are_told_and_they_are_the_newest(stored: Stored, address: str) -> None:
    for account in (OTHER, ADMIN, ADMIN):
        await stored.failures.note(account, address, MINUTE)
        await asyncio.sleep(MOMENT.total_seconds())
    assert await stored.accounts(address, at_most=2) == [ADMIN, ADMIN]


async def test_addresses_do_not_touch_each_other(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, MINUTE)
    assert await stored.accounts("another") == []
    assert await stored.accounts(address[:-1]) == []


async def test_what_is_older_than_asked_for_is_not_told(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, MINUTE)
    await asyncio.sleep(2 * MOMENT.total_seconds())
    assert await stored.accounts(address, within=MOMENT) == []
    assert await stored.accounts(address) == [ADMIN]


async def test_failures_of_a_time_when_the_clock_was_ahead_do_not_count(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, MINUTE)
    await stored.turn_back_the_clock()
    assert await stored.accounts(address) == []
    await stored.failures.note(OTHER, address, MINUTE)
    assert await stored.accounts(address) == [OTHER]


async def test_whoever_adds_one_forgets_more_than_one_that_is_over(stored: Stored, address: str) -> None:
    for _ in range(6):
        await stored.failures.note(ADMIN, address, MINUTE)
    # Long enough for a busy machine to add three meanwhile, of which none must be over.
    kept = timedelta(seconds=3)
    await asyncio.sleep(kept.total_seconds() + MOMENT.total_seconds())
    for _ in range(3):
        await stored.failures.note(OTHER, "another", kept)
    assert await stored.count() == 3
    assert await stored.accounts("another") == [OTHER, OTHER, OTHER]


async def test_many_may_add_at_once(stored: Stored, address: str) -> None:
    await asyncio.gather(*(stored.failures.note(ADMIN, address, timedelta(0)) for _ in range(8)))
    await asyncio.gather(*(stored.failures.note(ADMIN, address, MINUTE) for _ in range(8)))
    assert len(await stored.accounts(address)) >= 8


async def test_a_database_that_is_gone_is_said_to_be(address: str) -> None:
    engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing", DatabaseLimits(connections=1, statement=1))
    failures = SqlAlchemyLoginFailures(engine)
    with pytest.raises(StorageUnavailable):
        await failures.recent(address, MINUTE, 20)
    with pytest.raises(StorageUnavailable):
        await failures.note(ADMIN, address, MINUTE)
    await engine.dispose()
