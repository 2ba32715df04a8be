"""Faults of PostgreSQL: a commit that it refuses, and a restart while everybody works."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from application.storage import StorageUnavailable
from application.synchronisation.timing import Timing
from e2e.divided_worker import Durations
from e2e.faults.customers import Answers, customers, kind
from e2e.faults.in_process_worker import InProcessWorker
from e2e.ledger import assert_sound
from e2e.processes import Processes, Running, eventually
from e2e.system import System, migrate
from entrypoints.development.embedded_postgres.server import EmbeddedPostgres
from entrypoints.development.offers_simulator.product import Offer

UNAVAILABLE = (503, "/problems/database-unavailable")
FAILURES = {
    "conflict": "RAISE EXCEPTION 'refused' USING ERRCODE = '40001'",
    "disk full": "RAISE EXCEPTION 'refused' USING ERRCODE = '53100'",
    "connection lost": "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5)",
}
# What the worker had claimed when its database went is due again when this lease ends.
TIMING = Timing(refresh_interval=timedelta(seconds=1), batch_deadline=2.0, lease=timedelta(seconds=4))
OFFER = "0" * 31 + "1"
END_LEASES = "UPDATE synchronisation SET lease_until = now() WHERE lease_id IS NOT NULL"
OBSERVATIONS = (
    "SELECT product_id, observed_at, best_price, last_success_at FROM synchronisation",
    "SELECT * FROM offer ORDER BY id",
    "SELECT * FROM offer_interval",
    "SELECT * FROM best_price_step",
)


@contextmanager
def refused_commits(dsn: str, failure: str, change: str, when: str = "true") -> Iterator[None]:
    """Let PostgreSQL fail each commit of such a change, only then: all statements before it succeed."""
    body = f"BEGIN {FAILURES[failure]}; RETURN NULL; END"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $${body}$$".encode())
        connection.execute(
            f"CREATE CONSTRAINT TRIGGER refused AFTER {change} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()".encode()
        )
        try:
            yield
        finally:
            connection.execute(b"DROP FUNCTION refuse() CASCADE")


@pytest.fixture(scope="module")
def serving(new_system: Callable[[], System]) -> System:
    system = new_system()
    system.start_api()
    return system


@pytest.mark.parametrize("failure", FAILURES)
def test_fault_20_commit_fails_503_and_nothing_half_written(serving: System, failure: str) -> None:
    system, client, admin = serving, serving.api.client, serving.api.as_admin
    kept = system.api.create(f"Kept through a {failure}")
    path = f"/products/{kept['id']}"
    wish = {"name": f"Wished for in a {failure}", "description": ""}
    rows = "SELECT count(*) FROM product FULL JOIN synchronisation ON product_id = id"
    before = system.number(rows), client.get(path).json()

    # The table that is written last, so that the rows written before it must go too.
    with refused_commits(system.dsn, failure, "INSERT ON synchronisation"):
        created = client.post("/products", json=wish, headers=admin)
    with refused_commits(system.dsn, failure, "UPDATE ON product"):
        amended = client.patch(path, json={"name": "Amended"}, headers=admin)
    with refused_commits(system.dsn, failure, "DELETE ON synchronisation"):
        withdrawn = client.delete(path, headers=admin)
    assert [kind(answer) for answer in (created, amended, withdrawn)] == [UNAVAILABLE] * 3
    assert created.headers["Retry-After"]
    assert (system.number(rows), client.get(path).json()) == before
    assert_sound(system)

    assert client.post("/products", json=wish, headers=admin).status_code == 201
    assert client.patch(path, json={"name": f"Amended after a {failure}"}, headers=admin).status_code == 200
    assert client.delete(path, headers=admin).status_code == 204
    assert_sound(system)


@pytest.mark.parametrize("failure", FAILURES)
async def test_fault_20_observation_not_committed_leaves_no_trace_and_is_redone(
    in_process: InProcessWorker, failure: str
) -> None:
    product_id = await in_process.watched(Offer(OFFER, 100, 5))
    in_process.dictate(product_id, Offer(OFFER, 70, 5), Offer("0" * 31 + "2", 90, 1))
    before = [in_process.query(sql) for sql in OBSERVATIONS]
    with refused_commits(in_process.dsn, failure, "INSERT OR UPDATE ON offer"), pytest.raises(StorageUnavailable):
        await in_process.refresh()
    assert [in_process.query(sql) for sql in OBSERVATIONS] == before
    assert in_process.traffic(product_id).offers_served == 2

    in_process.execute(END_LEASES)
    await in_process.refresh()
    assert [offer.price for offer in await in_process.offers(product_id)] == [70, 90]
    assert in_process.number("SELECT count(*) FROM offer_interval") == 1


async def registered_later(in_process: InProcessWorker, product_id: UUID, *, calls: int) -> None:
    assert (await in_process.shown(product_id)).registration.state == "pending"
    in_process.execute(END_LEASES)
    await in_process.submit()
    assert (await in_process.shown(product_id)).registration.state == "registered"
    traffic = in_process.traffic(product_id)
    assert (traffic.register_calls, traffic.registrations) == (calls, 1)


async def test_fault_20_attempt_not_noted_is_not_made(in_process: InProcessWorker) -> None:
    product_id = await in_process.create()
    with refused_commits(in_process.dsn, "disk full", "UPDATE ON product"), pytest.raises(StorageUnavailable):
        await in_process.submit()
    assert in_process.traffic(product_id).register_calls == 0
    await registered_later(in_process, product_id, calls=1)


async def test_fault_20_registration_not_committed_is_registered_later_and_once(in_process: InProcessWorker) -> None:
    product_id = await in_process.create()
    registered = "NEW.registration_state = 'registered'"
    with (
        refused_commits(in_process.dsn, "connection lost", "UPDATE ON product", registered),
        pytest.raises(StorageUnavailable),
    ):
        await in_process.submit()
    await registered_later(in_process, product_id, calls=2)


@dataclass
class Plant:
    """A whole system on a PostgreSQL of its own."""

    server: EmbeddedPostgres
    system: System
    worker: Running


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("plant")
    server = EmbeddedPostgres(folder / "postgres", ephemeral=True)
    system = System(server.start(), Processes(folder))
    migrate(system.dsn)
    system.start_simulator()
    system.start_api()
    [worker] = system.start_divided_workers(Durations(TIMING))
    yield Plant(server, system, worker)
    system.close()
    server.stop()


def succeeded(answers: Answers, method: str, *, since: float) -> Callable[[], bool]:
    return lambda: answers.last_success[method] > since


def test_fault_21_postgresql_restarted_under_load_503_then_back_and_all_kept(plant: Plant) -> None:
    system = plant.system
    first = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(first)["offers"])
    with customers(system.api) as answers:
        eventually(lambda: len(answers.created) >= 10)
        plant.server.stop()
        eventually(lambda: UNAVAILABLE in answers.kinds)
        assert kind(system.api.client.get(f"/products/{first}")) == UNAVAILABLE
        assert system.api.client.get("/health/ready").status_code == 503
        assert system.api.lives()

        plant.server.start()
        back = time.monotonic()
        for method in ("GET", "POST"):
            eventually(succeeded(answers, method, since=back))
        created = len(answers.created)
        eventually(lambda: len(answers.created) >= created + 10)
    assert answers.kinds <= {(200, ""), (201, ""), UNAVAILABLE}
    assert answers.without == 0
    assert answers.created <= {str(product_id) for (product_id,) in system.query("SELECT id FROM product")}

    eventually(lambda: system.api.client.get("/health/ready").status_code == 200)
    assert plant.worker.alive
    everyone = system.number("SELECT count(*) FROM product")
    eventually(lambda: system.api.observed(everyone))
    system.simulator.reset_counters()
    eventually(
        lambda: len(calls := system.simulator.offers_calls()) == everyone and min(calls.values()) >= 2,
    )
    assert_sound(system)
    system.assert_no_secrets()
