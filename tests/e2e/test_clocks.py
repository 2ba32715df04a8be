"""Clocks that are wrong, or were: nothing waits for them to be right, and no history is lost."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from e2e.clients import Api, free_port
from e2e.ledger import assert_sound
from e2e.processes import Running, eventually
from e2e.system import System

CLOCK_AHEAD = Path(__file__).with_name("clock_ahead.py")
COLUMNS = ("scheduled_at", "not_before", "last_attempt_at", "last_success_at", "observed_at", "known_until")
PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY relname"
CRON_JOBS = "SELECT key, scheduled FROM saq.saq_jobs WHERE key LIKE 'cron:%%' ORDER BY key"
AHEAD = "SELECT count(*) FROM saq.saq_jobs WHERE scheduled > extract(epoch FROM now()) + 600"
NAMES = ["cron:housekeeping", "cron:price_changes"]


def ahead(system: System, days: int, command: str, **settings: str) -> Running:
    """Start a command of ours whose clock is that many days ahead."""
    script = (sys.executable, str(CLOCK_AHEAD), str(days), command)
    return system.processes.start(f"ahead-{command}", *script, environment=system.environment | settings)


def execute(system: System, sql: str) -> None:
    with psycopg.connect(system.dsn) as connection:
        connection.execute(sql.encode())


@pytest.fixture(scope="module")
def running(new_system: Callable[[], System]) -> System:
    """Give a system without a worker, in which there is one product."""
    system = new_system()
    *_, worker = system.start()
    system.api.create("Kettle")
    eventually(lambda: system.observed() and [key for key, _ in system.query(CRON_JOBS)] == NAMES)
    assert worker.ends_with() == 0
    return system


@pytest.fixture
def worker(running: System) -> Iterator[Running]:
    """Give a worker whose clock is right; afterwards the storage must be sound."""
    [worker] = running.start_workers(1)
    yield worker
    worker.ends_with()
    assert_sound(running)


@pytest.fixture
def watched(running: System, worker: Running) -> tuple[System, str]:
    """Give the system with its worker, and its product, which costs 1000."""
    [product] = [product for product in running.api.all() if product["name"] == "Kettle"]
    running.simulator.dictate([product["id"]], 1000)
    eventually(lambda: running.api.read(product["id"])["best_offer"]["price"] == 1000)
    return running, product["id"]


@pytest.mark.parametrize("columns", [("scheduled_at", "observed_at", "known_until"), COLUMNS], ids=["three", "all"])
def test_what_a_clock_an_hour_ahead_has_left_is_stale_and_put_right_by_the_next_poll(
    watched: tuple[System, str], worker: Running, columns: tuple[str, ...]
) -> None:
    system, product_id = watched
    assert worker.ends_with() == 0
    moved = ", ".join(f"{column} = now() + INTERVAL '1 hour'" for column in columns)
    execute(system, f"UPDATE synchronisation SET {moved}")
    assert system.api.read(product_id)["stale"]
    system.simulator.dictate([product_id], 900)
    [other] = system.start_workers(1)
    eventually(lambda: system.api.read(product_id)["best_offer"]["price"] == 900)
    shown = system.api.read(product_id)
    assert not shown["stale"]
    assert datetime.fromisoformat(shown["observed_at"]) < datetime.now(UTC) + timedelta(minutes=1)
    last = system.query("SELECT price FROM best_price_step ORDER BY valid_from DESC LIMIT 1")
    assert last == [(1000,)]
    assert other.ends_with() == 0


def test_a_worker_whose_clock_is_far_ahead_takes_no_jobs_and_leaves_history_alone(
    watched: tuple[System, str], worker: Running
) -> None:
    system, product_id = watched
    days, before = 800, system.query(PARTITIONS)
    wrong = ahead(system, days, "worker")
    eventually(lambda: any(wrong.events("worker started")))
    (line,) = wrong.events("clock differs from the database's")
    assert abs(line["seconds_ahead"] - days * 86_400) < 60
    # As its clock sees them, both cron jobs are due: it would take them at once, as it is woken at once.
    execute(system, "UPDATE saq.saq_jobs SET scheduled = scheduled + 1; NOTIFY \"saq:aggregator\", 'saq:enqueue'")
    seen = len(list(worker.events("batch")))
    eventually(lambda: len(list(worker.events("batch"))) > seen + 8)
    assert not list(wrong.events("batch"))
    assert system.query(PARTITIONS) == before
    # The right worker takes one itself whenever it is due, and schedules it anew.
    eventually(lambda: [key for key, _ in system.query(CRON_JOBS)] == NAMES)
    assert system.number(AHEAD) == 0
    assert wrong.ends_with() == 0
    system.simulator.dictate([product_id], 123)
    eventually(lambda: system.api.read(product_id)["best_offer"]["price"] == 123)


def test_jobs_that_lie_years_ahead_are_scheduled_anew(running: System, worker: Running) -> None:
    eventually(lambda: [key for key, _ in running.query(CRON_JOBS)] == NAMES, within=180)
    assert worker.ends_with() == 0
    execute(running, "UPDATE saq.saq_jobs SET scheduled = scheduled + 800 * 86400 WHERE key LIKE 'cron:%'")
    [other] = running.start_workers(1)
    eventually(lambda: running.number(AHEAD) == 0 and [key for key, _ in running.query(CRON_JOBS)] == NAMES, within=180)
    assert other.ends_with() == 0


def test_what_an_api_creates_whose_clock_is_ahead_is_registered_at_once(running: System, worker: Running) -> None:
    port = free_port()
    other = ahead(running, 40, "api", PORT=str(port))
    api = Api(f"http://127.0.0.1:{port}")
    eventually(api.lives)
    assert api.client.get("/health/ready").json()["clock"] == "differs"
    product_id = api.create("Teapot")["id"]
    eventually(lambda: api.read(product_id)["best_offer"])
    api.client.close()
    assert other.ends_with() == 0
    assert running.number("SELECT count(*) FROM insight WHERE rolled_until > now()") == 0
