"""The port of failed logins, on the fake and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.access.login_failures import SqlAlchemyLoginFailures
from adapters.postgres.connection import DatabaseLimits, create_engine
from application.access.login_limits import LoginFailures
from application.storage import StorageUnavailable
from fakes.login_failures import InMemoryLoginFailures
from fakes.storage import InMemoryStorage

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ADMIN, OTHER = b"\0admin", b"other"


@dataclass(frozen=True)
class Stored:
    failures: LoginFailures
    count: Callable[[], Awaitable[int]]
    let_age: Callable[[timedelta], Awaitable[None]]
    """Makes all failures older, as if that time had passed, or younger."""

    async def accounts(self, address: str, within: timedelta = HOUR, at_most: int = 20) -> list[bytes]:
        return [failure.account for failure in await self.failures.recent(address, within, at_most)]


def in_memory() -> Stored:
    failures = InMemoryLoginFailures(InMemoryStorage(lambda: datetime.now(UTC)))

    async def count() -> int:
        return len(failures.rows)

    async def let_age(by: timedelta) -> None:
        failures.rows[:] = [row._replace(failed_at=row.failed_at - by) for row in failures.rows]

    return Stored(failures, count, let_age)


def on_postgres(engine: AsyncEngine) -> Stored:
    async def count() -> int:
        async with engine.connect() as connection:
            counted: int = (await connection.execute(text("SELECT count(*) FROM login_failure"))).scalar_one()
            return counted

    async def let_age(by: timedelta) -> None:
        older = text("UPDATE login_failure SET failed_at = failed_at - :by").bindparams(bindparam("by", type_=Interval))
        async with engine.begin() as connection:
            await connection.execute(older, {"by": by})

    return Stored(SqlAlchemyLoginFailures(engine), count, let_age)


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
        await stored.failures.note(account, address, HOUR)
        await stored.let_age(MINUTE)
    recent = await stored.failures.recent(address, HOUR, 20)
    assert [failure.account for failure in recent] == [ADMIN, ADMIN, OTHER, ADMIN]
    ages = [failure.age for failure in recent]
    assert MINUTE <= ages[0] < ages[1] < ages[2] < ages[3] < HOUR
    assert ages[3] >= 4 * MINUTE


async def test_only_so_many_are_told_and_they_are_the_newest(stored: Stored, address: str) -> None:
    for account in (OTHER, ADMIN, ADMIN):
        await stored.failures.note(account, address, HOUR)
        await stored.let_age(MINUTE)
    assert await stored.accounts(address, at_most=2) == [ADMIN, ADMIN]


async def test_addresses_do_not_touch_each_other(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, HOUR)
    assert await stored.accounts("another") == []
    assert await stored.accounts(address[:-1]) == []


async def test_failures_older_than_asked_for_are_not_told(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, HOUR)
    await stored.let_age(MINUTE)
    assert await stored.accounts(address, within=MINUTE) == []
    assert await stored.accounts(address) == [ADMIN]


async def test_failures_of_a_time_when_the_clock_was_ahead_do_not_count(stored: Stored, address: str) -> None:
    await stored.failures.note(ADMIN, address, HOUR)
    await stored.let_age(-HOUR)
    assert await stored.accounts(address) == []
    await stored.failures.note(OTHER, address, HOUR)
    assert await stored.accounts(address) == [OTHER]


async def test_each_new_failure_removes_more_than_one_expired_failure(stored: Stored, address: str) -> None:
    for _ in range(6):
        await stored.failures.note(ADMIN, address, HOUR)
    await stored.let_age(HOUR)
    for _ in range(3):
        await stored.failures.note(OTHER, "another", HOUR)
    assert await stored.count() == 3
    assert await stored.accounts("another") == [OTHER, OTHER, OTHER]


async def test_many_may_add_at_once(stored: Stored, address: str) -> None:
    await asyncio.gather(*(stored.failures.note(ADMIN, address, timedelta(0)) for _ in range(8)))
    await asyncio.gather(*(stored.failures.note(ADMIN, address, HOUR) for _ in range(8)))
    assert len(await stored.accounts(address)) >= 8


async def test_a_database_that_is_gone_is_unavailable(address: str) -> None:
    engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing", DatabaseLimits(connections=1, statement=1))
    failures = SqlAlchemyLoginFailures(engine)
    with pytest.raises(StorageUnavailable):
        await failures.recent(address, HOUR, 20)
    with pytest.raises(StorageUnavailable):
        await failures.note(ADMIN, address, HOUR)
    await engine.dispose()
