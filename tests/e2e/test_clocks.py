"""Clocks that are wrong, or were: nothing waits for them to be right, and no history is lost."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from e2e.ledger import assert_sound
from e2e.processes import Running, eventually
from e2e.system import System

CLOCK_AHEAD = Path(__file__).with_name("clock_ahead.py")
COLUMNS = ("scheduled_at", "not_before", "last_attempt_at", "last_success_at", "observed_at", "known_until")
PARTITIONS = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY relname"
CRON_JOBS = "SELECT key, scheduled FROM saq.saq_jobs WHERE key LIKE 'cron:%%' ORDER BY key"
AHEAD = "SELECT count(*) FROM saq.saq_jobs WHERE scheduled > extract(epoch FROM now()) + 600"
NAMES = ["cron:housekeeping", "cron:price_changes"]


def ahead(system: System, days: int, *command: str) -> Running:
    """Start a command of ours whose clock is that many days ahead."""
    script = (sys.executable, str(CLOCK_AHEAD), str(days), *command)
    return system.processes.start(f"ahead-{command[0]}", *script, environment=system.environment)


def execute(system: System, sql: str) -> None:
    with psycopg.connect(system.dsn) as connection:
        connection.execute(sql.encode())


@pytest.fixture
def watched(system: System) -> Iterator[tuple[System, str]]:
    """Give a system without a worker, in which a product costs 1000."""
    *_, worker = system.start()
    product_id = system.api.create("Kettle")["id"]
    eventually(lambda: system.observed())
    system.simulator.dictate([product_id], 1000)
    eventually(lambda: system.api.read(product_id)["best_offer"]["price"] == 1000)
    assert worker.ends_with() == 0
    yield system, product_id
    assert_sound(system)


@pytest.mark.parametrize("columns", [("scheduled_at", "observed_at", "known_until"), COLUMNS], ids=["three", "all"])
def test_what_a_clock_an_hour_ahead_has_left_is_stale_and_put_right_by_the_next_poll(
    watched: tuple[System, str], columns: tuple[str, ...]
) -> None:
    system, product_id = watched
    moved = ", ".join(f"{column} = now() + INTERVAL '1 hour'" for column in columns)
    execute(system, f"UPDATE synchronisation SET {moved}")
    assert system.api.read(product_id)["stale"]
    system.simulator.dictate([product_id], 900)
    system.start_workers(1)
    eventually(lambda: system.api.read(product_id)["best_offer"]["price"] == 900)
    shown = system.api.read(product_id)
    assert not shown["stale"]
    assert datetime.fromisoformat(shown["observed_at"]) < datetime.now(UTC) + timedelta(minutes=1)
    last = system.query("SELECT price FROM best_price_step ORDER BY valid_from DESC LIMIT 1")
    assert last == [(1000,)]


@pytest.mark.parametrize("days", [800, 40])
def test_a_worker_whose_clock_is_far_ahead_takes_no_jobs_and_leaves_history_alone(system: System, days: int) -> None:
    *_, worker = system.start()
    product_id = system.api.create("Kettle")["id"]
    eventually(lambda: system.observed() and [key for key, _ in system.query(CRON_JOBS)] == NAMES)
    before = system.query(PARTITIONS)
    wrong = ahead(system, days, "worker")
    eventually(lambda: any(wrong.events("worker started")), within=30)
    (line,) = wrong.events("clock differs from the database's")
    assert abs(line["seconds_ahead"] - days * 86_400) < 60
    # As its clock sees them, both cron jobs are due: it would take them at once, as it is woken at once.
    execute(system, "UPDATE saq.saq_jobs SET scheduled = scheduled + 1; NOTIFY \"saq:aggregator\", 'saq:enqueue'")
    seen = len(list(worker.events("batch")))
    eventually(lambda: len(list(worker.events("batch"))) > seen + 8, within=30)
    assert not list(wrong.events("batch"))
    assert system.query(PARTITIONS) == before
    assert [key for key, _ in system.query(CRON_JOBS)] == NAMES
    assert system.number(AHEAD) == 0
    assert wrong.ends_with() == 0
    system.simulator.dictate([product_id], 123)
    eventually(lambda: system.api.read(product_id)["best_offer"]["price"] == 123)
    assert_sound(system)


def test_jobs_that_lie_years_ahead_are_scheduled_anew(watched: tuple[System, str]) -> None:
    system, _ = watched
    eventually(lambda: [key for key, _ in system.query(CRON_JOBS)] == NAMES, within=180)
    execute(system, "UPDATE saq.saq_jobs SET scheduled = scheduled + 800 * 86400 WHERE key LIKE 'cron:%'")
    system.start_workers(1)
    eventually(lambda: system.number(AHEAD) == 0 and [key for key, _ in system.query(CRON_JOBS)] == NAMES, within=180)


def test_what_an_api_creates_whose_clock_is_ahead_is_registered_at_once(system: System) -> None:
    system.start_simulator()
    system.start_workers(1)
    ahead(system, 40, "api")
    eventually(system.api.lives, within=30)
    assert system.api.client.get("/health/ready").json()["clock"] == "differs"
    product_id = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(product_id)["best_offer"])
    assert system.number("SELECT count(*) FROM insight WHERE rolled_until > now()") == 0
    assert_sound(system)
