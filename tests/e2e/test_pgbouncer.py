"""Behind PgBouncer everything works with pooled sessions, and with pooled transactions once the settings say so.

Runs where PgBouncer is installed.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import asyncpg
import psycopg
import pytest

from application.prices.rollup import HistoryUpkeep
from e2e.clients import Api
from e2e.faults import test_lost_workers as lost_workers
from e2e.processes import Processes, Running, eventually
from e2e.system import System
from entrypoints.configuration.settings import Settings
from entrypoints.container import make_container
from entrypoints.limits import WORKING
from storages.poolers import Pooler, needs_pgbouncer

pytestmark = needs_pgbouncer

PRODUCTS = 20
CLIENTS = 6
"""At the same time: more than the pooler has connections, few enough for a busy machine to serve each in time."""


@dataclass
class PooledSystem(System):
    """A system whose processes reach the database through a pooler; the tests look at it directly."""

    url: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "DATABASE_URL": self.url, **dict(self.settings)}


def behind(pooler: Pooler, dsn: str, processes: Processes) -> PooledSystem:
    """Return a system behind a pooler of transactions."""
    settings = (("DATABASE_POOLER", "transaction"), ("DATABASE_DIRECT_URL", dsn))
    return PooledSystem(dsn, processes, url=pooler.dsn, settings=settings)


@pytest.fixture
def empty(dsn: str) -> str:
    """Give the DSN of an empty database."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return dsn.replace("/aggregator?", f"/{name}?")


def migrate(system: System) -> None:
    migrating = system.processes.aggregator("migrate", environment=system.environment)
    assert migrating.exit_code() == 0, migrating.output()
    tables = system.query("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'saq%'")
    assert tables == [("saq",)]


def is_ready(system: System) -> bool:
    return system.api.client.get("/health/ready").status_code == 200


def warnings_of(*running: Running) -> list[str]:
    """Return the warnings, but for those of a process that waited for a connection of its own on a busy machine."""
    lines = [line for process in running for line in process.output().splitlines() if "came free in time" not in line]
    return [line for line in lines if '"level":"warning"' in line]


def test_everything_works_when_sessions_are_pooled(empty: str, processes: Processes) -> None:
    with Pooler(empty, "session", size=30) as pooler, closing(PooledSystem(empty, processes, url=pooler.dsn)) as system:
        migrate(system)
        _, api, worker = system.start()
        kettle = system.api.create("Kettle")["id"]
        eventually(lambda: system.api.read(kettle)["offers"])
        assert system.api.client.get("/health/ready").json()["queue"] == "ok"
        assert [process.ends_with() for process in (worker, api)] == [0, 0]
        assert not warnings_of(api, worker)


def use(api: Api, number: int) -> str:
    """Write and read as one client does, and return the id of a product."""
    product = api.create(f"Kettle {number}")["id"]
    reads = (f"/products/{product}", f"/products/{product}/offers", "/products?q=kettle&sort=-change")
    assert [api.client.get(path).status_code for path in reads] == [200] * len(reads)
    renamed = api.client.patch(f"/products/{product}", json={"name": f"Pot {number}"}, headers=api.as_admin)
    assert renamed.status_code == 200, renamed.text
    return str(product)


def test_everything_works_when_transactions_are_pooled(empty: str, processes: Processes) -> None:
    with Pooler(empty) as pooler, closing(behind(pooler, empty, processes)) as system:
        migrate(system)
        _, api, worker = system.start()
        assert system.api.as_admin
        with ThreadPoolExecutor(CLIENTS) as clients:
            products = set(clients.map(partial(use, system.api), range(PRODUCTS)))
        eventually(lambda: system.api.observed(PRODUCTS))
        assert {product["id"] for product in system.api.all()} == products
        exported = system.api.client.get("/exports/products.ndjson")
        assert (exported.status_code, len(exported.text.splitlines())) == (200, PRODUCTS)
        traffic = system.simulator.state()["products"].values()
        assert [each["registrations"] for each in traffic] == [1] * PRODUCTS
        assert is_ready(system)
        assert not warnings_of(api, worker)

        pooler.kill()
        eventually(lambda: not is_ready(system))
        assert system.api.client.get("/products").status_code == 503
        pooler.start()
        eventually(lambda: is_ready(system))
        system.simulator.reset_counters()
        eventually(lambda: set(system.simulator.offers_calls()) == products)
        system.api.create("Kettle")
        eventually(lambda: system.api.observed(PRODUCTS + 1))
        assert [process.ends_with() for process in (worker, api)] == [0, 0]


def test_the_products_of_a_killed_worker_come_back_when_transactions_are_pooled(
    new_database_dsn: Callable[[], str], processes: Processes
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn) as pooler, closing(behind(pooler, dsn, processes)) as system:
        lost_workers.test_fault_22_killed_in_a_batch_it_is_redone_once_after_the_lease(system)


async def test_partitions_are_dropped_past_the_pooler_whose_sessions_share_their_locks(
    new_database_dsn: Callable[[], str],
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn, size=1) as pooler:
        settings = Settings(database_url=pooler.dsn, database_pooler="transaction", database_direct_url=dsn)
        container = make_container(settings, limits=WORKING)
        another = await asyncpg.connect(pooler.dsn, statement_cache_size=0)
        try:
            await another.execute("CREATE TABLE offer_interval_20200101 (LIKE offer_interval)")
            await another.execute("SELECT pg_advisory_lock(hashtext('product-aggregator drop'))")
            upkeep = await container.get(HistoryUpkeep)
            assert await upkeep.drop_expired() == 0
            await another.execute("SELECT pg_advisory_unlock_all()")
            assert await upkeep.drop_expired() == 1
            assert await another.fetchval("SELECT to_regclass('offer_interval_20200101')") is None
        finally:
            await another.close()
            await container.close()
