"""How old a standby is judged to be, on a clock that only the test moves."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, close_engine, connect, create_engine
from adapters.postgres.standby.inspection import inspect_standby
from adapters.postgres.standby.watch import BEHIND, FOREIGN, PROMOTED, StandbyLimits, StandbyWatch
from application.bounded_queue import QueueFull
from application.diagnosis.facts import StandbyFacts
from application.storage import StorageUnavailable
from storages.standby import Pair, pair, value

LAG = 5.0
PATIENT = StandbyLimits(database=DatabaseLimits(reserved=1), check=30.0)
NewEngine = Callable[[str], AsyncEngine]


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with pair() as servers:
        yield servers


@pytest.fixture
async def new_engine() -> AsyncIterator[NewEngine]:
    async with AsyncExitStack() as stack:

        def make(dsn: str) -> AsyncEngine:
            engine = create_engine(dsn, PATIENT.database, watched=True)
            stack.push_async_callback(close_engine, engine, 5.0)
            return engine

        yield make


class Watched:
    """A watch whose clock stands still."""

    def __init__(self, primary: AsyncEngine, standby: AsyncEngine) -> None:
        self.now = 0.0
        self.standby = standby
        self.watch = StandbyWatch(primary, standby, PATIENT, LAG, lambda: self.now)

    async def check(self, *, at: float, caught_up: Pair | None = None) -> None:
        """Check twice: the first check may open the connection, and the servers write now and then by themselves."""
        self.now = at
        await self.watch.check()
        if caught_up:
            await caught_up.replayed()
        await self.watch.check()


@pytest.fixture
async def watched(servers: Pair, new_engine: NewEngine) -> Watched:
    await servers.replayed()
    return Watched(new_engine(servers.dsn), new_engine(servers.standby_dsn))


async def test_a_standby_of_an_idle_primary_does_not_grow_old(watched: Watched, servers: Pair) -> None:
    for at in (0.0, 1_000.0):
        await watched.check(at=at, caught_up=servers)
        assert watched.watch.permit() is not None
        assert watched.watch.age() == 0


async def test_commits_that_do_not_wait_for_the_log_make_it_older(servers: Pair, new_engine: NewEngine) -> None:
    engine = new_engine(servers.dsn + "&options=-csynchronous_commit%3Doff")
    watched = Watched(engine, new_engine(servers.standby_dsn))
    await watched.check(at=0, caught_up=servers)
    assert watched.watch.age() == pytest.approx(0.6)


async def test_without_a_check_it_is_soon_too_old(watched: Watched, servers: Pair) -> None:
    await watched.check(at=0, caught_up=servers)
    permit = watched.watch.permit()
    assert permit is not None
    watched.now = LAG
    assert watched.watch.permit() == permit
    watched.now = LAG + 0.1
    assert watched.watch.permit() is None
    assert not watched.watch.holds(permit)


async def test_it_is_as_old_as_the_last_position_that_it_has_replayed(watched: Watched, servers: Pair) -> None:
    await watched.check(at=0, caught_up=servers)
    await servers.on_standby("SELECT pg_wal_replay_pause()")
    try:
        await servers.execute("CREATE TABLE late ()")
        await watched.check(at=LAG)
        assert watched.watch.age() == LAG
        await watched.check(at=LAG + 1)
        assert (watched.watch.permit(), watched.watch._trouble) == (None, BEHIND)
    finally:
        await servers.on_standby("SELECT pg_wal_replay_resume()")
    await servers.replayed()
    await watched.check(at=LAG + 2, caught_up=servers)
    assert watched.watch.age() == 0
    assert watched.watch.permit() is not None


async def test_a_cut_network_does_not_make_it_young(watched: Watched, servers: Pair) -> None:
    """What it has received it has replayed, but it receives nothing any more."""
    await watched.check(at=0, caught_up=servers)
    follow = await value(
        servers.standby_dsn,
        "SELECT format('ALTER SYSTEM SET primary_conninfo = %L', current_setting('primary_conninfo'))",
    )
    await servers.on_standby("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'", "SELECT pg_reload_conf()")
    try:
        await servers.until_alone()
        await servers.execute("CREATE TABLE unheard_of ()")
        await watched.check(at=LAG + 1)
        assert watched.watch.permit() is None
    finally:
        await servers.on_standby(follow, "SELECT pg_reload_conf()")


async def test_without_the_primary_nobody_knows_how_old_it_is(
    watched: Watched, servers: Pair, new_engine: NewEngine
) -> None:
    await watched.check(at=0, caught_up=servers)
    watched.watch._primary = new_engine("postgresql://aggregator@/aggregator?host=/nowhere")
    await watched.check(at=LAG)
    assert watched.watch.permit() is not None
    await watched.check(at=LAG + 0.1)
    assert watched.watch.permit() is None


async def test_a_standby_of_another_primary_is_not_read(dsn: str, servers: Pair, new_engine: NewEngine) -> None:
    watched = Watched(new_engine(dsn), new_engine(servers.standby_dsn))
    await watched.check(at=0)
    assert (watched.watch.permit(), watched.watch._trouble) == (None, FOREIGN)


async def test_a_new_connection_is_trusted_after_a_check(watched: Watched, servers: Pair) -> None:
    """The server may have started anew, at an older state."""
    await watched.check(at=0, caught_up=servers)
    permit = watched.watch.permit()
    assert permit is not None
    async with connect(watched.standby), connect(watched.standby):
        assert watched.watch.permit() is None
        assert not watched.watch.holds(permit)
    await watched.check(at=0, caught_up=servers)
    assert watched.watch.permit() is not None


def unavailable(cause: BaseException) -> StorageUnavailable:
    error = StorageUnavailable("no answer")
    error.__cause__ = cause
    return error


async def test_a_diagnosis_compares_it_with_the_primary(watched: Watched, servers: Pair, new_engine: NewEngine) -> None:
    async def inspect(standby: AsyncEngine) -> StandbyFacts:
        return await inspect_standby(watched.watch._primary, standby, PATIENT)

    await servers.execute("CREATE TABLE diagnosed ()")
    assert await inspect(watched.standby) == StandbyFacts()
    await servers.on_standby("SELECT pg_wal_replay_pause()")
    try:
        await servers.execute("CREATE TABLE not_replayed ()")
        assert (await inspect(watched.standby)).behind > 0
    finally:
        await servers.on_standby("SELECT pg_wal_replay_resume()")
    away = await inspect(new_engine("postgresql://aggregator@/aggregator?host=/nowhere"))
    assert "DATABASE_READ_URL" in away.trouble
    assert not (await inspect(watched.watch._primary)).replays


@pytest.mark.parametrize(
    ("error", "read_on"),
    [
        (unavailable(ConnectionRefusedError()), False),
        (unavailable(asyncpg.CannotConnectNowError()), False),
        (TimeoutError(), False),
        (unavailable(asyncpg.SerializationError()), True),
        (unavailable(asyncpg.QueryCanceledError()), True),
        (unavailable(QueueFull()), True),
        (LookupError(), True),
    ],
    ids=lambda each: type(getattr(each, "__cause__", None) or each).__name__,
)
async def test_a_failure_of_the_server_ends_its_use_until_the_next_check(
    watched: Watched, servers: Pair, error: Exception, read_on: bool
) -> None:
    await watched.check(at=0, caught_up=servers)
    watched.watch.note_failure(error)
    assert (watched.watch.permit() is not None) == read_on
    await watched.check(at=0, caught_up=servers)
    assert watched.watch.permit() is not None


async def test_a_promoted_standby_is_not_read_any_more(watched: Watched, servers: Pair, new_engine: NewEngine) -> None:
    """The last test: it uses the servers up."""
    async with connect(watched.standby) as connection:
        await watched.check(at=0, caught_up=servers)
        permit = watched.watch.permit()
        assert permit is not None
        await servers.on_standby("SELECT pg_promote()")
        await connection.exec_driver_sql("SELECT 1")
    # Before any check: the answer itself showed it.
    assert not watched.watch.holds(permit)
    for at in (0, 1):
        await watched.check(at=at)
        assert (watched.watch.permit(), watched.watch._trouble) == (None, PROMOTED)
    # It returns, because there is nothing to wait for.
    await Watched(new_engine(servers.dsn), watched.standby).watch.run()
