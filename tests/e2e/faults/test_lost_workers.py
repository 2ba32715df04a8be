"""A worker that is killed, or stopped for longer than its lease, in the middle of a batch."""

import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.offers_api.limits import HttpLimits
from application.synchronisation.timing import Timing
from e2e.divided_worker import LONG_LEASE, Durations
from e2e.processes import Running, eventually
from e2e.system import System

PRODUCTS = 40
SECOND = timedelta(seconds=1)
# With the interval as it is nothing is due again while the test runs, so that calls can be counted.
TIMING = Timing(tick=0.2, lease=3 * SECOND, batch_deadline=60.0, group_age=0.2, batches_at_once=1)
# Nobody takes a half over before the test has seen both of them under way: it brings the ends of the leases forward.
HALF = replace(TIMING, batch_size=PRODUCTS // 2, lease=LONG_LEASE, batch_deadline=120.0)
PATIENT = HttpLimits(read=120.0, call=120.0)
HELD = {"offers": {"p50": 1, "p99": 1}}
MAKE_DUE = """
    UPDATE synchronisation SET scheduled_at = scheduled_at - interval '1 hour', not_before = now() RETURNING now()
"""
END_LEASES_SOON = """
    UPDATE synchronisation SET lease_until = now() + interval '3 seconds' WHERE lease_id IS NOT NULL
    RETURNING product_id::text, lease_id, lease_until
"""
OBSERVED_SINCE = "SELECT count(*) FROM synchronisation WHERE observed_at >= %s"
OBSERVED_BETWEEN = """
    SELECT count(*) FROM synchronisation WHERE product_id::text = ANY(%s) AND observed_at >= %s AND observed_at < %s
"""
FAILED = "SELECT count(*) FROM synchronisation WHERE consecutive_failures > 0"
LATE_PRICE, LATER_PRICE = 1, 2


def start_all_at_once(system: System, *paces: Timing) -> list[Running]:
    """Start workers, let all products be observed, then hold the answers to all later calls."""
    system.add_products(PRODUCTS)
    system.start_holding_simulator(tick=1e6)
    workers = system.start_divided_workers(*(Durations(pace, http=PATIENT) for pace in paces))
    eventually(lambda: system.observed() == PRODUCTS)
    system.simulator.switch(latency=HELD)
    system.simulator.reset_counters()
    return workers


def make_due(system: System) -> Any:
    """Make all products due, wait until all are asked for, and return since when."""
    since = system.query(MAKE_DUE)[0][0]
    eventually(lambda: system.simulator.state()["in_flight"] == PRODUCTS)
    return since


def ended(worker: Running) -> int:
    """Return how many observations the worker has brought to an end, good or bad."""
    ends = ("observed", "superseded", "failed")
    return sum(batch.get(end, 0) for batch in worker.events("batch") for end in ends)


def test_fault_22_killed_in_a_batch_it_is_redone_once_after_the_lease(system: System) -> None:
    killed, other = start_all_at_once(system, HALF, HALF)
    since = make_due(system)
    killed.send(signal.SIGKILL)
    killed.process.wait()
    leased = system.query(END_LEASES_SOON)
    lease_ends = leased[0][2]
    halves: dict[UUID, set[str]] = {}
    for product_id, lease_id, _ in leased:
        halves.setdefault(lease_id, set()).add(product_id)
    assert [len(half) for half in halves.values()] == [PRODUCTS // 2] * 2
    assert system.number(OBSERVED_SINCE, since) == 0
    system.simulator.switch(latency={})

    # The other one finishes its own half; the rest under these leases is the killed one's.
    eventually(lambda: system.number(OBSERVED_SINCE, since) == PRODUCTS)
    calls = system.simulator.offers_calls()
    lost = {product_id for product_id, count in calls.items() if count != 1}
    assert lost in halves.values()
    assert {calls[product_id] for product_id in lost} == {2}
    never = since + timedelta(hours=1)
    assert system.number(OBSERVED_BETWEEN, list(lost), since, lease_ends) == 0
    assert system.number(OBSERVED_BETWEEN, list(lost), lease_ends, never) == PRODUCTS // 2
    assert system.number(FAILED) == 0
    assert other.alive


def test_fault_22_stopped_longer_than_its_lease_its_late_write_is_fenced(system: System) -> None:
    [stopped] = start_all_at_once(system, TIMING)
    ids = [str(product_id) for (product_id,) in system.query("SELECT id FROM product")]
    system.simulator.dictate(ids, LATE_PRICE)
    make_due(system)
    stopped.send(signal.SIGSTOP)
    assert system.simulator.state()["in_flight"] == PRODUCTS

    system.simulator.dictate(ids, LATER_PRICE)
    system.simulator.switch(latency={})
    eventually(lambda: system.simulator.state()["in_flight"] == 0)
    system.start_divided_workers(Durations(TIMING))
    best_prices = "SELECT DISTINCT best_price FROM synchronisation"
    eventually(lambda: system.query(best_prices) == [(LATER_PRICE,)])
    stopped.send(signal.SIGCONT)
    eventually(lambda: ended(stopped) == 2 * PRODUCTS)

    for table in ("offer", "offer_interval", "best_price_step"):
        assert system.number(f"SELECT count(*) FROM {table} WHERE price = %s", LATE_PRICE) == 0
    assert system.query(best_prices) == [(LATER_PRICE,)]
    assert sum(batch.get("superseded", 0) for batch in stopped.events("batch")) == PRODUCTS
    assert set(system.simulator.offers_calls().values()) == {2}
    assert system.number(FAILED) == 0
