"""Behind PgBouncer everything works with pooled sessions, and with pooled transactions once the settings say so.

Runs where PgBouncer is installed.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.clients import Api
from e2e.faults import test_lost_workers as lost_workers
from e2e.processes import Processes, Running, eventually
from e2e.system import System
from poolers import Pooler, needs_pgbouncer

pytestmark = [pytest.mark.timeout(240), needs_pgbouncer]

CLIENTS = 20


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


def migrate(system: System) -> None:
    migrating = system.processes.aggregator("migrate", environment=system.environment)
    assert migrating.process.wait(60) == 0, migrating.output()


def assert_quiet_end(*running: Running) -> None:
    for process in running:
        process.send(signal.SIGTERM)
    assert [process.process.wait(60) for process in running] == [0] * len(running)
    for process in running:
        assert not [line for line in process.output().splitlines() if '"level":"warning"' in line]


def test_everything_works_when_sessions_are_pooled(
    new_database_dsn: Callable[[], str], processes: Processes
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn, "session", size=30) as pooler:
        system = PooledSystem(dsn, processes, url=pooler.dsn)
        migrate(system)
        _, api, worker = system.start()
        kettle = system.api.create("Kettle")["id"]
        eventually(lambda: system.api.read(kettle)["offers"], within=60)
        assert system.api.client.get("/health/ready").json()["queue"] == "ok"
        assert_quiet_end(worker, api)
        system.close()


def use(system: System, client: int) -> str:
    """Write and read as one client does, and return the id of a product."""
    api = Api(str(system.api.client.base_url))
    with api.client:
        product = api.create(f"Kettle {client}")["id"]
        for path in ("", "/offers", "/synchronisation"):
            assert api.client.get(f"/products/{product}{path}", headers=api.as_admin).status_code == 200
        assert len(api.all()) >= 1
        assert api.client.get("/products", params={"q": "kettle", "sort": "-change"}).status_code == 200
        renamed = api.client.patch(f"/products/{product}", json={"name": f"Pot {client}"}, headers=api.as_admin)
        assert renamed.status_code == 200, renamed.text
    return str(product)


def test_everything_works_when_transactions_are_pooled(
    new_database_dsn: Callable[[], str], processes: Processes
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn) as pooler:
        system = behind(pooler, dsn, processes)
        migrate(system)
        _, api, worker = system.start()
        with ThreadPoolExecutor(CLIENTS) as clients:
            products = set(clients.map(lambda client: use(system, client), range(CLIENTS)))
        eventually(lambda: system.api.observed(CLIENTS))
        assert {product["id"] for product in system.api.all()} == products
        assert system.api.client.get("/health/ready").json() == {**READY, "database": "ok", "queue": "ok"}
        exported = system.api.client.get("/products/export", headers=system.api.as_admin)
        assert (exported.status_code, len(exported.text.splitlines())) == (200, CLIENTS)
        calls = system.simulator.state()["products"].values()
        assert [(each["registrations"], each["greatest_concurrency"]) for each in calls] == [(1, 1)] * CLIENTS
        assert_quiet_end(worker, api)
        system.close()


def test_a_pooler_that_is_killed_and_comes_back_is_used_again(
    new_database_dsn: Callable[[], str], processes: Processes
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn) as pooler:
        system = behind(pooler, dsn, processes)
        _, api, worker = system.start()
        kettle = system.api.create("Kettle")["id"]
        eventually(lambda: system.api.observed(1))
        pooler.kill()
        eventually(lambda: system.api.client.get("/health/ready").status_code == 503)
        assert system.api.client.get(f"/products/{kettle}").status_code == 503
        pooler.start()
        eventually(lambda: system.api.client.get("/health/ready").status_code == 200)
        system.simulator.reset_counters()
        eventually(lambda: system.simulator.offers_calls().get(kettle, 0) >= 2)
        system.api.create("Pot")
        eventually(lambda: system.api.observed(2))
        assert (api.alive, worker.alive) == (True, True)
        system.close()


def test_the_products_of_a_killed_worker_come_back_when_transactions_are_pooled(
    new_database_dsn: Callable[[], str], processes: Processes
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn) as pooler:
        system = behind(pooler, dsn, processes)
        lost_workers.test_fault_22_killed_in_a_batch_it_is_redone_once_after_the_lease(system)
        system.close()


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_a_start_says_what_is_wrong_when_transactions_are_pooled(
    new_database_dsn: Callable[[], str], processes: Processes, command: str
) -> None:
    with Pooler(new_database_dsn()) as pooler:
        starting = processes.aggregator(command, environment={"DATABASE_URL": pooler.dsn})
        assert starting.process.wait(60) == 1
    (line,) = [line for line in starting.output().splitlines() if not line.startswith("{")]
    assert "pooler in transaction mode" in line
    assert "DATABASE_POOLER=transaction" in line


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_a_start_says_so_when_the_direct_way_leads_to_the_pooler(
    new_database_dsn: Callable[[], str], processes: Processes, command: str
) -> None:
    dsn = new_database_dsn()
    with Pooler(dsn) as pooler:
        system = behind(pooler, pooler.dsn, processes)
        starting = processes.aggregator(command, environment=system.environment)
        assert starting.process.wait(60) == 1
    (line,) = [line for line in starting.output().splitlines() if not line.startswith("{")]
    assert "DATABASE_DIRECT_URL leads to a pooler in transaction mode" in line
