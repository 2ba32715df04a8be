"""The port of the shared token row, on the fake and on PostgreSQL."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import DatabaseLimits, create_engine
from adapters.postgres.synchronisation.token_store import SqlAlchemyTokenStore
from application.storage import StorageUnavailable
from application.synchronisation.access_token.issuing import IssuedToken
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.access_token.shared_token import SharedAccessToken
from application.synchronisation.access_token.store import StoredToken, TokenState, TokenStore, token_state
from application.synchronisation.offers_gateway import NotAuthorised
from fakes.token_store import InMemoryTokenStore
from storages.databases import system_clock
from upstream.clients import shared_token_of

HOUR = timedelta(hours=1)
AT_ONCE = timedelta(0)
OWNER, OTHER = UUID(int=1), UUID(int=2)
SOON = timedelta(seconds=10)


@pytest.fixture(params=["fake", "real"])
def store(request: pytest.FixtureRequest) -> TokenStore:
    if request.param == "fake":
        return InMemoryTokenStore()
    return SqlAlchemyTokenStore(request.getfixturevalue("engine"))


@pytest.fixture
def name() -> str:
    return uuid4().hex


async def leased(store: TokenStore, name: str, owner: UUID = OWNER, duration: timedelta = HOUR) -> StoredToken:
    row = await store.lease(name, owner, duration)
    assert row is not None
    return row


async def kept(store: TokenStore, name: str, owner: UUID = OWNER, *, due_in: timedelta = HOUR) -> bool:
    return await store.keep(name, owner, b"token", failures=1, expires_in=HOUR, due_in=due_in)


async def loaded(store: TokenStore, name: str) -> StoredToken:
    row = await store.load(name)
    assert row is not None
    return row


def about(duration: timedelta, expected: timedelta) -> bool:
    return expected - SOON < duration <= expected


async def turn_back_the_clock(store: TokenStore, name: str) -> None:
    """Let the row have been changed at a time that is an hour ahead."""
    if isinstance(store, InMemoryTokenStore):
        row = store.rows[name]
        row.issued_at, row.expires_at, row.not_before = (
            row.issued_at + HOUR,
            row.expires_at + HOUR,
            row.not_before + HOUR,
        )
        row.lease_until += HOUR
        return
    assert isinstance(store, SqlAlchemyTokenStore)
    times = ("issued_at", "expires_at", "not_before", "lease_until")
    moved = ", ".join(f"{time} = {time} + INTERVAL '1 hour'" for time in times)
    async with store._engine.begin() as connection:
        await connection.execute(text(f"UPDATE access_token SET {moved} WHERE name = :name").bindparams(name=name))


async def test_after_the_clock_was_ahead_a_lease_is_over(store: TokenStore, name: str) -> None:
    await leased(store, name, OWNER, SOON)
    await turn_back_the_clock(store, name)
    assert not (await loaded(store, name)).leased
    assert (await leased(store, name, OTHER, SOON)).leased
    assert await store.lease(name, OWNER, SOON) is None


async def test_after_the_clock_was_ahead_a_renewal_that_failed_is_due(store: TokenStore, name: str) -> None:
    await leased(store, name)
    assert await store.postpone(name, OWNER, failures=4, trouble=TokenState.FAILING, due_in=SOON)
    await turn_back_the_clock(store, name)
    assert (await loaded(store, name)).due_in <= AT_ONCE
    await leased(store, name, OTHER)
    assert await store.postpone(name, OTHER, failures=5, trouble=TokenState.FAILING, due_in=SOON)
    assert about((await loaded(store, name)).due_in, SOON)


async def test_after_the_clock_was_ahead_a_token_stays_until_it_is_refused(store: TokenStore, name: str) -> None:
    await leased(store, name)
    assert await kept(store, name)
    await turn_back_the_clock(store, name)
    row = await loaded(store, name)
    assert (row.sealed, row.expires_in > AT_ONCE) == (b"token", True)
    assert await store.drop(name, b"token", failures=0, trouble=None, due_in=AT_ONCE)
    await leased(store, name)


async def test_there_is_no_row_at_first(store: TokenStore, name: str) -> None:
    assert await store.load(name) is None
    assert not await kept(store, name)
    assert not await store.postpone(name, OWNER, failures=1, trouble=TokenState.FAILING, due_in=HOUR)
    assert not await store.drop(name, b"token", failures=0, trouble=None, due_in=HOUR)
    assert await store.load(name) is None


async def test_a_lease_keeps_others_away_and_is_seen_by_all(store: TokenStore, name: str) -> None:
    row = await leased(store, name)
    assert (row.sealed, row.failures, row.trouble, row.leased) == (None, 0, None, True)
    assert (await loaded(store, name)).leased
    assert await store.lease(name, OTHER, HOUR) is None
    assert await store.lease(name, OWNER, HOUR) is None


async def test_one_of_many_gets_the_lease(store: TokenStore, name: str) -> None:
    rows = await asyncio.gather(*(store.lease(name, uuid4(), HOUR) for _ in range(8)))
    assert sum(row is not None for row in rows) == 1


async def test_a_lease_that_ended_may_be_taken_over_and_is_lost_then(store: TokenStore, name: str) -> None:
    await leased(store, name, OWNER, timedelta(0))
    assert not (await loaded(store, name)).leased
    await leased(store, name, OTHER)
    assert not await kept(store, name, OWNER)
    assert not await store.postpone(name, OWNER, failures=1, trouble=TokenState.FAILING, due_in=HOUR)
    assert (await loaded(store, name)).leased
    assert await kept(store, name, OTHER)


async def test_a_lease_that_ended_and_nobody_took_is_still_good(store: TokenStore, name: str) -> None:
    await leased(store, name, OWNER, timedelta(0))
    assert await kept(store, name, OWNER)


async def test_a_kept_token_is_what_all_read_until_a_renewal_is_due(store: TokenStore, name: str) -> None:
    await leased(store, name)
    await store.postpone(name, OWNER, failures=3, trouble=TokenState.REFUSED, due_in=timedelta(0))
    await leased(store, name)
    assert await store.keep(name, OWNER, b"\0sealed", failures=3, expires_in=HOUR, due_in=2 * HOUR)
    row = await loaded(store, name)
    assert (row.sealed, row.failures, row.trouble, row.leased) == (b"\0sealed", 3, None, False)
    assert about(row.expires_in, HOUR)
    assert about(row.due_in, 2 * HOUR)
    assert timedelta(0) <= row.age < SOON
    assert await store.lease(name, OTHER, HOUR) is None
    assert not await kept(store, name)


async def test_a_due_renewal_may_be_leased_and_shows_the_old_token(store: TokenStore, name: str) -> None:
    await leased(store, name)
    assert await store.keep(name, OWNER, b"token", failures=0, expires_in=AT_ONCE, due_in=AT_ONCE)
    row = await leased(store, name, OTHER)
    assert row.sealed == b"token"
    assert row.expires_in <= timedelta(0)


async def test_a_failed_renewal_is_put_off_for_all(store: TokenStore, name: str) -> None:
    await leased(store, name)
    assert await kept(store, name, due_in=timedelta(0))
    await leased(store, name)
    assert await store.postpone(name, OWNER, failures=4, trouble=TokenState.ANOTHER_IS_VALID, due_in=HOUR)
    row = await loaded(store, name)
    assert (row.sealed, row.failures, row.trouble, row.leased) == (None, 4, TokenState.ANOTHER_IS_VALID, False)
    assert about(row.due_in, HOUR)
    assert await store.lease(name, OTHER, HOUR) is None


async def test_only_the_token_that_is_meant_is_dropped(store: TokenStore, name: str) -> None:
    await leased(store, name)
    await kept(store, name)
    assert not await store.drop(name, b"older", failures=0, trouble=None, due_in=timedelta(0))
    assert (await loaded(store, name)).sealed == b"token"
    assert await store.drop(name, b"token", failures=2, trouble=TokenState.FAILING, due_in=HOUR)
    row = await loaded(store, name)
    assert (row.sealed, row.failures, row.trouble) == (None, 2, TokenState.FAILING)
    assert about(row.due_in, HOUR)
    assert not await store.drop(name, b"token", failures=0, trouble=None, due_in=timedelta(0))


async def test_a_dropped_token_may_be_replaced_at_once(store: TokenStore, name: str) -> None:
    await leased(store, name)
    await kept(store, name)
    assert await store.drop(name, b"token", failures=0, trouble=None, due_in=timedelta(0))
    row = await leased(store, name, OTHER)
    assert (row.sealed, row.failures, row.trouble) == (None, 0, None)


async def test_a_drop_leaves_a_lease_as_it_is(store: TokenStore, name: str) -> None:
    await leased(store, name)
    await kept(store, name, due_in=timedelta(0))
    await leased(store, name, OTHER)
    assert await store.drop(name, b"token", failures=0, trouble=None, due_in=timedelta(0))
    assert (await loaded(store, name)).leased
    assert await kept(store, name, OTHER)


async def test_names_do_not_touch_each_other(store: TokenStore, name: str) -> None:
    other = uuid4().hex
    await leased(store, name)
    await leased(store, other)
    await kept(store, name)
    assert (await loaded(store, other)).sealed is None
    assert (await loaded(store, other)).leased


async def test_eight_processes_without_a_token_make_one_call_and_share_what_it_brings(store: TokenStore) -> None:
    calls: Counter[str] = Counter()

    async def issue() -> IssuedToken:
        calls["auth"] += 1
        await asyncio.sleep(0)
        return IssuedToken(Secret("token"), None)

    refresh_token = uuid4().hex

    def start() -> SharedAccessToken:
        return shared_token_of("http://upstream", refresh_token, store=store, issue=issue, clock=system_clock)

    results = await asyncio.gather(*(start().current() for _ in range(8)), return_exceptions=True)
    assert Counter(type(result) for result in results) <= Counter({Secret: 8, NotAuthorised: 7})
    assert await start().current() == Secret("token")
    assert await token_state(store, start().seal) is TokenState.OK
    assert calls == {"auth": 1}


async def test_a_database_that_is_gone_is_said_to_be(name: str) -> None:
    engine: AsyncEngine = create_engine(
        "postgresql://nobody@127.0.0.1:1/nothing", DatabaseLimits(connections=1, statement=1)
    )
    store = SqlAlchemyTokenStore(engine)
    with pytest.raises(StorageUnavailable):
        await store.load(name)
    with pytest.raises(StorageUnavailable):
        await store.lease(name, OWNER, HOUR)
    await engine.dispose()
