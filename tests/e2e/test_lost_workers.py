"""A worker that is killed, or stopped for longer than its lease, in the middle of a batch."""

import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from application.pace import Pace
from e2e.ledger import assert_sound
from e2e.processes import Running, eventually
from e2e.system import System

pytestmark = pytest.mark.timeout(180)

PRODUCTS = 40
SECOND = timedelta(seconds=1)
PACE = Pace(refresh_interval=SECOND, tick=0.2, lease=3 * SECOND, batch_deadline=30.0, batches_at_once=1)
HALF = replace(PACE, lease=5 * SECOND, batch_size=PRODUCTS // 2)
SLOW = {"offers": {"p50": 1500, "p99": 1500}}
LEASES = "SELECT DISTINCT lease_id FROM synchronisation WHERE lease_until > now()"
LEFT = "SELECT product_id FROM synchronisation WHERE lease_id = ANY(%s)"
OBSERVED_SINCE = "SELECT count(*) FROM synchronisation WHERE product_id = ANY(%s) AND observed_at >= %s"
LATE_PRICE, LATER_PRICE = 1, 2


def start_with_products(system: System, *paces: Pace) -> list[Running]:
    """Start workers of these paces and let all products be observed."""
    system.add_products(PRODUCTS)
    system.start_simulator()
    workers = system.start_divided_workers(*paces)
    eventually(lambda: system.observed() == PRODUCTS)
    return workers


def test_the_batch_of_a_killed_worker_is_finished_by_another_once_its_lease_ends(system: System) -> None:
    killed, other = start_with_products(system, HALF, HALF)
    system.simulator.switch(latency=SLOW)
    eventually(lambda: system.simulator.state()["in_flight"] == PRODUCTS)
    killed.send(signal.SIGKILL)
    leases = [lease_id for (lease_id,) in system.query(LEASES)]
    assert len(leases) == 2
    system.simulator.switch(latency={})

    # The other one finishes its own half; what is left under these leases is the killed one's.
    eventually(lambda: len(system.query(LEFT, leases)) == PRODUCTS // 2)
    lost = [product_id for (product_id,) in system.query(LEFT, leases)]
    lease_ends = system.query("SELECT max(lease_until) FROM synchronisation WHERE lease_id = ANY(%s)", leases)[0][0]
    assert system.number(OBSERVED_SINCE, lost, lease_ends) == 0
    eventually(lambda: system.number(OBSERVED_SINCE, lost, lease_ends) == PRODUCTS // 2)
    assert system.number("SELECT count(*) FROM synchronisation WHERE consecutive_failures > 0") == 0
    assert other.alive
    assert_sound(system)


def test_what_a_worker_brings_after_its_lease_is_dropped(system: System) -> None:
    [stopped] = start_with_products(system, PACE)
    ids = [str(product_id) for (product_id,) in system.query("SELECT id FROM product")]
    system.simulator.switch(latency=SLOW)
    # Slower than the interval, so that all products soon go in one batch.
    eventually(lambda: system.simulator.state()["in_flight"] == PRODUCTS)
    system.simulator.dictate(ids, LATE_PRICE)
    system.simulator.reset_counters()
    eventually(lambda: list(system.simulator.offers_calls().values()) == [1] * PRODUCTS)
    stopped.send(signal.SIGSTOP)
    assert system.simulator.state()["in_flight"] == PRODUCTS

    system.simulator.dictate(ids, LATER_PRICE)
    system.simulator.switch(latency={})
    [_other] = system.start_divided_workers(PACE)
    best_prices = "SELECT DISTINCT best_price FROM synchronisation"
    eventually(lambda: system.query(best_prices) == [(LATER_PRICE,)])
    stopped.send(signal.SIGCONT)
    eventually(lambda: sum(batch.get("superseded", 0) for batch in stopped.events("batch")) == PRODUCTS)
    system.simulator.reset_counters()
    eventually(lambda: len(system.simulator.offers_calls()) == PRODUCTS)

    for table in ("offer", "offer_interval", "best_price_step"):
        assert system.number(f"SELECT count(*) FROM {table} WHERE price = %s", LATE_PRICE) == 0
    assert system.query(best_prices) == [(LATER_PRICE,)]
    assert system.number("SELECT count(*) FROM synchronisation WHERE consecutive_failures > 0") == 0
    assert_sound(system)
