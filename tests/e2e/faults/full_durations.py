"""Faults with the durations as they ship, which take minutes: `make test-long` runs this file, `make test` does not."""

import signal
import time
from datetime import datetime

import pytest

from e2e.ledger import assert_sound
from e2e.processes import eventually
from e2e.system import System

pytestmark = pytest.mark.timeout(1_500)

PRODUCTS = 200
INTERVAL = 60
OBSERVED_SINCE = "SELECT count(*) FROM synchronisation WHERE observed_at > %s"


def calls(system: System) -> int:
    """Return how many calls upstream has had, for offers and registrations."""
    counted = system.simulator.state()["calls"]
    return sum(sum(counted.get(call, {}).values()) for call in ("offers", "register"))


def now(system: System) -> datetime:
    at: datetime = system.query("SELECT now()")[0][0]
    return at


def test_fault_14_upstream_down_for_ten_minutes(system: System) -> None:
    system.start_simulator(tick=5)
    system.start_api()
    system.add_products(PRODUCTS)
    system.start_workers(INTERVAL, INTERVAL)
    eventually(lambda: system.observed() == PRODUCTS, within=120)

    system.simulator.switch(errors={"all": {"status": 503}})
    system.simulator.reset_counters()
    began = time.monotonic()
    created = [system.api.create(f"Created meanwhile {number}")["id"] for number in range(5)]
    eventually(lambda: time.monotonic() - began > 600, within=610)
    assert calls(system) <= 1.1 * PRODUCTS * 10
    shown = [product for product in system.api.all() if product["id"] not in created]
    assert all(product["stale"] and product["offers_in_stock"] for product in shown)
    assert {system.api.read(product_id)["registration"]["state"] for product_id in created} == {"pending"}

    recovered_at = now(system)
    system.simulator.switch(errors={})
    eventually(lambda: system.number(OBSERVED_SINCE, recovered_at) == PRODUCTS + 5, within=INTERVAL)
    traffic = system.simulator.state()["products"]
    assert [traffic[product_id]["registrations"] for product_id in created] == [1] * 5
    assert not any(product["stale"] for product in system.api.all())


def test_fault_22_stopped_for_90_seconds_and_continued(system: System) -> None:
    system.start_simulator()
    system.add_products(PRODUCTS)
    stopped, other = system.start_workers(INTERVAL, INTERVAL)
    eventually(lambda: system.observed() == PRODUCTS, within=120)
    system.simulator.switch(latency={"offers": {"p50": 1_500, "p99": 1_500}})
    eventually(lambda: system.simulator.state()["in_flight"] > 0, within=90)
    stopped.send(signal.SIGSTOP)
    system.simulator.switch(latency={})
    stopped_at, began = now(system), time.monotonic()
    # The remaining one takes over the other's products, once their lease has ended.
    eventually(lambda: system.number(OBSERVED_SINCE, stopped_at) == PRODUCTS, within=85)
    eventually(lambda: time.monotonic() - began > 90, within=95)
    observed_at = "SELECT product_id, observed_at FROM synchronisation"
    before = dict(system.query(observed_at))
    stopped.send(signal.SIGCONT)
    resumed_at = now(system)
    eventually(lambda: system.number(OBSERVED_SINCE, resumed_at) == PRODUCTS, within=INTERVAL + 30)
    assert all(at > before[product_id] for product_id, at in system.query(observed_at))
    assert_sound(system)
    assert [stopped.ends_with(), other.ends_with()] == [0, 0]
