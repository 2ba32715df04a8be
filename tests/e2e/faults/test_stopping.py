"""SIGTERM under load, and the start after it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx

from adapters.offers_api.limits import HttpLimits
from application.synchronisation.timing import Timing
from e2e.clients import Api, free_port
from e2e.divided_worker import Durations
from e2e.faults.customers import customers
from e2e.processes import eventually
from e2e.system import System
from waiting import PATIENCE

SLOW = {"all": {"p50": 200, "p99": 1000}}
ANSWERED, HANGING = 20, 20
# One batch of all, whose answers would wait long to be written, and whose hanging ones long to be given up.
# One batch at a time: no lease is believed for longer than a minute, so another batch would take the products over.
LONG_BATCHES = Timing(tick=0.2, batches_at_once=1, batch_deadline=500.0, lease=timedelta(seconds=600), group_age=500.0)
PATIENT = HttpLimits(turn=600.0, connect=600.0, read=600.0, call=600.0)
ARRIVED = f'aggregator_upstream_calls_total{{call="offers",status="200"}} {ANSWERED:.1f}\n'
LEASED = "SELECT count(*) FROM synchronisation WHERE lease_until > now()"
MAKE_DUE = "UPDATE synchronisation SET scheduled_at = scheduled_at - interval '1 hour', not_before = now() RETURNING 1"
OBSERVED_AGAIN = "SELECT product_id::text FROM synchronisation WHERE observed_at > %s ORDER BY product_id"


def test_fault_25_api_and_worker_under_load_end_in_time_nothing_half_written(system: System) -> None:
    _, api, worker = system.start()
    system.simulator.switch(latency=SLOW)
    with customers(system.api) as answers:
        eventually(lambda: system.simulator.state()["calls"].get("offers"))
        eventually(lambda: system.simulator.state()["in_flight"] >= 10)
        with ThreadPoolExecutor(2) as threads:
            ends = [threads.submit(each.ends_with) for each in (worker, api)]
        assert [each.result() for each in ends] == [0, 0]
    assert {status for status, _ in answers.kinds} == {200, 201}
    assert answers.created
    assert answers.created <= {str(product_id) for (product_id,) in system.query("SELECT id FROM product")}
    assert system.number(LEASED) == 0

    system.simulator.switch(latency={})
    system.api.client.close()
    system.api = Api(str(system.api.client.base_url))
    system.start_api()
    system.start_workers(1)
    products = system.number("SELECT count(*) FROM product")
    eventually(lambda: system.api.observed(products))
    assert system.simulator.auth_calls() == 1
    registered = [product["registrations"] for product in system.simulator.state()["products"].values()]
    assert registered == [1] * products


def test_fault_25_worker_in_a_batch_writes_what_has_arrived_and_hands_back_the_rest(system: System) -> None:
    system.add_products(ANSWERED + HANGING)
    system.start_simulator()
    [worker] = system.start_divided_workers(Durations(Timing(tick=0.2)))
    eventually(lambda: system.observed() == ANSWERED + HANGING)
    assert worker.ends_with() == 0

    ids = [str(product_id) for (product_id,) in system.query("SELECT id FROM product ORDER BY id")]
    answered, hanging = ids[:ANSWERED], ids[ANSWERED:]
    system.simulator.switch(hang_products=hanging)
    system.simulator.reset_counters()
    [(since,)] = system.query("SELECT now()")
    system.query(MAKE_DUE)
    port, patient = free_port(), Durations(LONG_BATCHES, http=PATIENT)
    [worker] = system.start_divided_workers(patient, METRICS_PORT=str(port))
    # Answers that the simulator has sent may not have arrived yet.
    eventually(
        lambda: ARRIVED in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=PATIENCE).text,
        within=120,
    )
    eventually(lambda: system.simulator.state()["in_flight"] == HANGING)
    assert system.query(OBSERVED_AGAIN, since) == []
    assert worker.ends_with() == 0
    assert system.query(OBSERVED_AGAIN, since) == [(product_id,) for product_id in answered]
    assert system.number(LEASED) == 0
    assert system.number("SELECT count(*) FROM synchronisation WHERE consecutive_failures > 0") == 0

    system.simulator.switch(hang_products=[])
    system.start_divided_workers(Durations(Timing(tick=0.2, group_age=0.2)))
    eventually(lambda: len(system.query(OBSERVED_AGAIN, since)) == len(ids))
    assert {system.simulator.offers_calls()[product_id] for product_id in answered} == {1}
    assert {system.simulator.offers_calls()[product_id] for product_id in hanging} == {2}


def test_another_refresh_interval_acts_at_once(system: System) -> None:
    system.add_products(3)
    system.start_simulator()
    [worker] = system.start_workers(600)
    eventually(lambda: system.observed() == 3)

    assert worker.ends_with() == 0
    system.simulator.reset_counters()
    [worker] = system.start_workers(1)
    eventually(lambda: fewest_calls(system) >= 3, within=120)  # at 600 s they would come in 1200

    assert worker.ends_with() == 0
    system.start_workers(5)
    system.simulator.reset_counters()
    eventually(lambda: fewest_calls(system) >= 3)
    # The first gap may be short, as the first call after a restart is late; at 1 s the others would be short too.
    assert system.simulator.state()["gaps"]["offers"]["longest"] > 4


def fewest_calls(system: System) -> int:
    calls = system.simulator.offers_calls()
    return min(calls.values()) if len(calls) == 3 else 0
