"""Several workers share the products, and one that cannot keep up takes them in turn."""

import time
from datetime import timedelta

from application.synchronisation.timing import Timing
from e2e.clients import Json
from e2e.divided_worker import Durations
from e2e.faults.worker_metrics import metric, start_worker
from e2e.processes import Running, eventually
from e2e.system import System

SECOND = timedelta(seconds=1)
PRODUCTS, INTERVAL, CYCLES = 90, 0.6, 20
# Each batch goes to the first worker that asks, so it takes many for even shares.
SHARED = Timing(refresh_interval=INTERVAL * SECOND, tick=0.1, group_age=0.1, batch_size=10)
WORKERS = 3
LEAST_SHARE = 1 / WORKERS / 3

FEW, MANY, LONG_INTERVAL = 10, 80, 0.5
OVERLOADED = Timing(
    refresh_interval=LONG_INTERVAL * SECOND,
    tick=0.1,
    group_age=0.1,
    batch_size=5,
    batches_at_once=8,
    batches_per_tick=8,
)
LONGER_THAN_THE_INTERVAL = {"offers": {"p50": 1000, "p99": 1000}}
# So a cycle takes 2 s. The rounds that are counted end between two turns of a product.
FEW_AT_A_TIME, LATENCY, ROUNDS = 20, 0.5, 2.5
SLOW = {"offers": {"p50": LATENCY * 1000, "p99": LATENCY * 1000}}
LAG = "aggregator_refresh_lag_seconds"
WAITING = "aggregator_waiting_jobs"


def batches_of(worker: Running) -> list[int]:
    return [batch["observed"] for batch in worker.events("batch") if "observed" in batch]


def gaps(products: Json, which: str) -> list[float]:
    return [product["offers_gaps"][which] for product in products.values()]


def test_fault_23_three_workers_each_product_once_a_cycle_fair_shares(system: System) -> None:
    system.add_products(PRODUCTS)
    system.start_simulator(tick=1e6)
    workers = system.start_divided_workers(*[Durations(SHARED)] * WORKERS)

    def served() -> dict[str, int]:
        products: Json = system.simulator.state()["products"]
        return {product_id: product["offers_served"] for product_id, product in products.items()}

    eventually(lambda: len(served()) == PRODUCTS and all(served().values()))
    # The clock is read outside of both counts, so that slow reads add to the cycles as they add to the counts.
    began = time.monotonic()
    before, earlier = served(), [len(batches_of(worker)) for worker in workers]
    eventually(lambda: min(now - before[id] for id, now in served().items()) >= CYCLES, within=10 * CYCLES * INTERVAL)
    after, cycles = served(), (time.monotonic() - began) / INTERVAL
    batches = [batches_of(worker)[count:] for worker, count in zip(workers, earlier, strict=True)]

    each = {now - before[product_id] for product_id, now in after.items()}
    # A window of so many cycles may show one slot more or less. A slow machine makes the cycles longer, not unequal.
    assert max(each) <= 1.1 * cycles + 1
    shares = [sum(observed) for observed in batches]
    assert min(shares) >= LEAST_SHARE * sum(shares), shares
    assert system.simulator.auth_calls() == 1
    assert [product["registrations"] for product in system.simulator.state()["products"].values()] == [1] * PRODUCTS


def test_fault_24_cycle_longer_than_the_interval_no_overlap_oldest_first_lag_shown(system: System) -> None:
    simulator = system.simulator
    system.add_products(FEW)
    system.start_simulator(tick=1e6)
    worker = start_worker(system, Durations(OVERLOADED), OFFERS_CONCURRENCY=str(FEW_AT_A_TIME))
    eventually(lambda: system.observed() == FEW)

    # There is room for a second call while the first one is under way: the product's lease alone forbids it.
    simulator.switch(latency=LONGER_THAN_THE_INTERVAL)
    simulator.reset_counters()
    eventually(lambda: len(simulator.offers_calls()) == FEW and min(simulator.offers_calls().values()) >= 3)
    assert min(gaps(simulator.state()["products"], "shortest")) >= 2 * LONG_INTERVAL

    # All together they need a multiple of the interval.
    simulator.switch(latency={})
    system.add_products(MANY - FEW)
    eventually(lambda: system.observed() == MANY)
    simulator.switch(latency=SLOW)
    eventually(lambda: (metric(worker, LAG) or 0) >= LONG_INTERVAL)
    simulator.reset_counters()
    eventually(lambda: sum(simulator.offers_calls().values()) >= ROUNDS * MANY)
    products = simulator.state()["products"]
    assert min(gaps(products, "shortest")) >= LATENCY
    calls = [product["offers_calls"] for product in products.values()]
    assert max(calls) - min(calls) <= 2, "the oldest were not first"
    assert len(products) == MANY
    assert simulator.state()["greatest_concurrency"] <= FEW_AT_A_TIME
    assert (metric(worker, WAITING) or 0) <= OVERLOADED.batches_per_tick
    assert (metric(worker, LAG) or 0) >= LONG_INTERVAL

    simulator.switch(latency={})
    eventually(lambda: (metric(worker, LAG) or 0) < LONG_INTERVAL)
