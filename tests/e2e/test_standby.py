"""Reads from a hot standby, over HTTP: none is older than allowed, and none fails because the standby does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from adapters.metrics.metrics import Metrics
from adapters.postgres.standby.watch import StandbyLimits
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.limits import SERVING
from storages.databases import AMPLE, migrated
from storages.silence import silent
from storages.standby import Pair, pair
from telemetry.metric_values import counted
from waiting import PATIENCE, until

LAG = 5.0
READERS = 8
# A busy machine is no reason to leave the standby or to answer 503.
PATIENT = replace(
    SERVING,
    database=replace(AMPLE, connections=SERVING.database.connections, reserved=1),
    requests=replace(
        SERVING.requests, request=PATIENCE, costly_reads=replace(SERVING.requests.costly_reads, patience=PATIENCE)
    ),
    standby=StandbyLimits(
        replace(SERVING.standby.database, statement=3.0, lock=3.0, connect=3.0, pool_wait=3.0, answer_margin=1.0),
        read=4.0,
        first_batch=4.0,
        check=4.0,
    ),
)


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[Pair]:
    with pair() as servers:
        async with migrated(servers.dsn):
            pass
        yield servers


@dataclass(frozen=True)
class Shop:
    """An API that reads the standby, and a client that is an admin."""

    http: httpx.AsyncClient
    metrics: Metrics

    def answered_by(self, source: str) -> float:
        return counted(self.metrics, "aggregator_standby_reads_total", source=source)

    async def create(self, name: str) -> str:
        answer = await self.http.post("/products", json={"name": name, "description": "Boils"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def names(self, **query: str) -> list[str]:
        answer = await self.http.get("/products", params={"limit": "100", **query})
        assert answer.status_code == 200, answer.text
        return [product["name"] for product in answer.json()["items"]]

    async def until_read_from(self, source: str) -> list[str]:
        """List until the list comes from there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                before = self.answered_by(source)
                names = await self.names()
                if self.answered_by(source) > before:
                    return names
                await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(servers: Pair) -> AsyncIterator[Shop]:
    settings = Settings(
        database_url=servers.dsn, database_read_url=servers.standby_dsn, database_read_max_lag=LAG, jwt_secret="s" * 40
    )
    container = make_container(settings, limits=PATIENT)
    try:
        app = await create_app(container)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            login = await http.post("/login", json={"username": "admin", "password": "admin"})
            http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            yield Shop(http, await container.get(Metrics))
    finally:
        await container.close()


@pytest.fixture
async def shop(servers: Pair) -> AsyncIterator[Shop]:
    await servers.replayed()
    async with opened(servers) as shop:
        yield shop


@asynccontextmanager
async def readers(shop: Shop) -> AsyncIterator[list[int]]:
    """Keep reading lists and history side by side; give the statuses of all answers."""
    statuses: list[int] = []
    over = asyncio.Event()
    product = await shop.create(f"Read {len(await shop.names())}")

    # Not cancelled: the API would answer that it stops.
    async def read() -> None:
        while not over.is_set():
            listed = await shop.http.get("/products")
            history = await shop.http.get(f"/products/{product}/price-history")
            statuses.extend((listed.status_code, history.status_code))

    running = [asyncio.create_task(read()) for _ in range(READERS)]
    try:
        yield statuses
    finally:
        over.set()
        await asyncio.gather(*running)


async def test_lists_history_and_exports_come_from_the_standby(shop: Shop, servers: Pair) -> None:
    product = await shop.create("Kettle")
    await servers.replayed()
    assert "Kettle" in await shop.until_read_from("standby")
    for path in (
        f"/products/{product}/price-history",
        f"/products/{product}/price-statistics",
        f"/products/{product}/price-change?period=P1D",
        "/products?q=kettle",
        "/exports/products.ndjson",
        "/exports/price-history.csv",
        "/",
    ):
        async with asyncio.timeout(PATIENCE):
            before = shop.answered_by("standby")
            while shop.answered_by("standby") == before:
                assert (await shop.http.get(path)).status_code == 200, path


async def test_what_must_be_newest_comes_from_the_primary(shop: Shop, servers: Pair) -> None:
    product = await shop.create("Toaster")
    await shop.create("Teapot")
    await servers.replayed()
    await shop.until_read_from("standby")
    first = await shop.http.get("/products", params={"limit": 1})
    await shop.until_read_from("standby")
    before = shop.answered_by("standby")
    for path, headers in (
        (f"/products/{product}", {}),
        (f"/products/{product}/offers", {}),
        (f"/catalogue/{product}", {}),
        ("/products", {"If-None-Match": first.headers["ETag"]}),
        (f"/products?limit=1&cursor={first.json()['next']}", {}),
        (f"/exports/products.ndjson?after={product}", {}),
    ):
        assert (await shop.http.get(path, headers=headers)).status_code in {200, 304}, path
    assert shop.answered_by("standby") == before


async def test_a_standby_that_replays_late_shows_nothing_too_old(shop: Shop, servers: Pair) -> None:
    await shop.until_read_from("standby")
    await servers.on_standby("ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()")
    try:
        await shop.create("Late")
        written = time.monotonic()
        await until(lambda: time.monotonic() - written > LAG)
        assert "Late" in await shop.names()
        assert "Late" in await shop.until_read_from("primary")
    finally:
        await servers.on_standby("ALTER SYSTEM RESET recovery_min_apply_delay", "SELECT pg_reload_conf()")
    assert "Late" in await shop.until_read_from("standby")


async def test_the_primary_tells_of_a_product_that_the_standby_does_not_have_yet(shop: Shop, servers: Pair) -> None:
    await shop.until_read_from("standby")
    await servers.on_standby("SELECT pg_wal_replay_pause()")
    try:
        product = await shop.create("Brand new")
        assert (await shop.http.get(f"/products/{product}/price-history")).status_code == 200
    finally:
        await servers.on_standby("SELECT pg_wal_replay_resume()")


async def test_a_killed_standby_fails_no_request_and_is_read_again_when_it_is_back(shop: Shop, servers: Pair) -> None:
    await shop.until_read_from("standby")
    async with readers(shop) as statuses:
        await more(lambda: shop.answered_by("standby"))
        servers.kill_standby()
        await more(lambda: shop.answered_by("primary"))
        await asyncio.to_thread(servers.standby.start)
        await more(lambda: shop.answered_by("standby"))
    assert set(statuses) == {200}


async def test_a_frozen_standby_fails_no_request(shop: Shop, servers: Pair) -> None:
    await shop.until_read_from("standby")
    async with readers(shop) as statuses:
        await more(lambda: shop.answered_by("standby"))
        failed = shop.answered_by("standby_failed")
        with silent(*await servers.standby_processes()):
            await until(lambda: shop.answered_by("standby_failed") > failed)
            await more(lambda: shop.answered_by("primary"))
        await more(lambda: shop.answered_by("standby"))
    assert set(statuses) == {200}


async def more(count: Callable[[], float]) -> None:
    """Wait until it has grown by several readers' reads."""
    reached = count() + READERS
    await until(lambda: count() >= reached)


async def test_a_promoted_standby_is_not_read_until_a_restart_finds_a_standby(shop: Shop, servers: Pair) -> None:
    await shop.until_read_from("standby")
    async with readers(shop) as statuses:
        await more(lambda: shop.answered_by("standby"))
        await servers.on_standby("SELECT pg_promote()", "UPDATE product SET name = 'Of the other ' || id")
        await shop.until_read_from("primary")
        before = shop.answered_by("standby")
        await more(lambda: shop.answered_by("primary"))
    assert not [name for name in await shop.names() if name.startswith("Of the other")]
    assert shop.answered_by("standby") == before
    assert set(statuses) == {200}
    await asyncio.to_thread(servers.standby.stop)
    await asyncio.to_thread(servers.make_standby)
    async with opened(servers) as restarted:
        await restarted.until_read_from("standby")
