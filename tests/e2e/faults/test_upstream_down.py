"""Faults of the whole upstream, and of one product in it: the last offers are shown, and nothing is lost."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from adapters.offers_api.limits import HttpLimits
from application.synchronisation.timing import Timing
from e2e.clients import Json
from e2e.divided_worker import LONG_LEASE, Durations
from e2e.faults.worker_metrics import metric, start_worker
from e2e.ledger import assert_sound
from e2e.processes import Running, eventually
from e2e.system import System

SECOND = timedelta(seconds=1)
INTERVAL, PROBE_AFTER, HANGING = 1.0, 0.25, 2.0
TIMING = Timing(
    refresh_interval=INTERVAL * SECOND,
    tick=0.1,
    group_age=0.2,
    lease=8 * SECOND,
    batch_deadline=5.0,
    probe_after=PROBE_AFTER,
    most_backoff_intervals=300,  # far longer than anything here waits
    longest_registration_backoff=3 * SECOND,
)
DURATIONS = Durations(TIMING, http=HttpLimits(read=HANGING))

PRODUCTS, OUTAGE_OF_EACH_KIND = 40, 3.5 * INTERVAL
WELL: Json = {"errors": {}, "resets": {}, "hangs": {}, "hang_products": [], "latency": {}}
OUTAGES: list[Json] = [{"errors": {"all": {"status": 503}}}, {"resets": {"all": {}}}, {"hangs": {"all": {}}}]
BREAKER_CLOSED = 'aggregator_breaker_state{state="closed",work="refresh"}'
OBSERVED_SINCE = "SELECT count(*) FROM synchronisation WHERE observed_at > %s AND product_id::text = ANY(%s)"
SUBMITTED = "SELECT count(*) FROM product WHERE submitted_at IS NOT NULL AND id::text = ANY(%s)"
IN_ONE_BATCH = "UPDATE synchronisation SET scheduled_at = now() RETURNING 1"


@dataclass
class Plant:
    """A system without a worker: each fault starts one of its own pace."""

    system: System
    simulator: Running
    workers: list[Running] = field(default_factory=list)

    def work(self, durations: Durations) -> Running:
        """Start a worker."""
        self.workers.append(start_worker(self.system, durations))
        return self.workers[-1]

    def stock(self) -> list[str]:
        """Let there be many products, and return the ids of all."""
        if self.system.number("SELECT count(*) FROM product") < PRODUCTS:
            self.system.add_products(PRODUCTS)
        return [str(product_id) for (product_id,) in self.system.query("SELECT id FROM product")]

    def states(self, product_ids: list[str]) -> list[str]:
        """Return how their registrations stand."""
        return [self.system.api.read(product_id)["registration"]["state"] for product_id in product_ids]

    def traffic(self, counter: str, product_ids: list[str]) -> list[int]:
        """Return what upstream counted for each of the products."""
        products = self.system.simulator.state()["products"]
        return [products.get(product_id, {}).get(counter, 0) for product_id in product_ids]

    def shown(self) -> dict[str, Json]:
        """Return the best offer of every product that has one."""
        return {product["id"]: product["best_offer"] for product in self.system.api.all() if product["best_offer"]}


def pass_until(moment: float) -> None:
    eventually(lambda: time.monotonic() >= moment, within=moment - time.monotonic() + 1)


@pytest.fixture(scope="module")
def running_plant(new_system: Callable[[], System]) -> Plant:
    system = new_system()
    simulator = system.start_simulator(tick=0.2)
    system.start_api()
    return Plant(system, simulator)


@pytest.fixture
def plant(running_plant: Plant) -> Iterator[Plant]:
    """Give the plant with upstream well; afterwards no worker runs and the storage is sound."""
    system = running_plant.system
    if not running_plant.simulator.alive:  # a test that failed has left it so
        running_plant.simulator = system.start_simulator(tick=0.2)
    system.simulator.switch(**WELL)
    yield running_plant
    for worker in running_plant.workers:
        if worker.alive:
            worker.ends_with()
    assert_sound(system)
    system.assert_no_secrets()


def test_fault_09_created_while_upstream_is_down_registered_once_it_is_back(plant: Plant) -> None:
    system = plant.system
    plant.work(DURATIONS)
    before = system.api.create("Created before")["id"]
    eventually(lambda: system.api.read(before)["offers"])
    assert plant.simulator.ends_with() == 0
    during = [system.api.create(f"Created meanwhile {number}")["id"] for number in range(3)]
    eventually(lambda: system.api.read(before)["stale"])
    assert system.api.read(before)["offers"]
    assert plant.states(during) == ["pending"] * 3

    plant.simulator = system.start_simulator(tick=0.2)  # it has forgotten the first product and the token
    everyone = [before, *during]
    eventually(lambda: plant.states(everyone) == ["registered"] * 4)
    eventually(lambda: all(system.api.read(id)["offers"] and not system.api.read(id)["stale"] for id in everyone))
    assert plant.traffic("registrations", everyone) == [1] * 4


def test_fault_09_worker_killed_while_it_registers_registered_once(plant: Plant) -> None:
    system = plant.system
    unheard, answered_late = (system.api.create(name)["id"] for name in ("Never heard of", "Answered too late"))
    both = [unheard, answered_late]
    system.simulator.switch(hang_products=[unheard], latency={"register": {"p50": 60_000, "p99": 60_000}})
    patient = Durations(replace(TIMING, batch_deadline=60.0), http=HttpLimits(read=60.0, call=60.0))
    killed = plant.work(patient)
    eventually(lambda: plant.traffic("register_calls", both) == [1, 1])
    killed.send(signal.SIGKILL)
    killed.process.wait()
    assert plant.states(both) == ["pending"] * 2
    assert plant.traffic("registrations", both) == [0, 1]
    assert system.number(SUBMITTED, both) == 2

    # With the offers out of reach, only the note from before the kill shows whose the 409 is.
    system.simulator.switch(**WELL | {"errors": {"offers": {"status": 500}}})
    plant.work(DURATIONS)
    eventually(lambda: plant.states(both) == ["registered"] * 2)
    assert plant.traffic("register_calls", both) == [2, 2]
    assert plant.traffic("registrations", both) == [1, 1]
    system.simulator.switch(**WELL)
    eventually(lambda: all(system.api.read(product_id)["offers"] for product_id in both))


def test_fault_14_errors_resets_and_hangs_stale_data_few_calls_full_cycle_after(plant: Plant) -> None:
    system = plant.system
    everyone = plant.stock()
    worker = plant.work(DURATIONS)
    eventually(lambda: system.api.observed(len(everyone)))

    system.simulator.switch(**WELL | OUTAGES[0])
    eventually(lambda: metric(worker, BREAKER_CLOSED) == 0)
    shown = plant.shown()
    assert shown.keys() == set(everyone)
    system.simulator.reset_counters()
    began = time.monotonic()
    created = system.api.create("Created in the outage")["id"]
    for number, outage in enumerate(OUTAGES, start=1):
        system.simulator.switch(**WELL | outage)
        pass_until(began + number * OUTAGE_OF_EACH_KIND)
        assert plant.shown() == shown
        assert all(product["stale"] for product in system.api.all() if product["id"] != created)
        assert metric(worker, BREAKER_CLOSED) == 0
    calls, intervals = sum(plant.traffic("offers_calls", everyone)), (time.monotonic() - began) / INTERVAL
    assert 0 < calls <= 1.1 * intervals * len(everyone)
    assert set(system.simulator.state()["calls"]["offers"]) == {"503", "reset", "hung"}

    [(recovery,)] = system.query("SELECT now()")
    system.simulator.switch(**WELL)
    eventually(
        lambda: system.number(OBSERVED_SINCE, recovery, everyone) == len(everyone),
    )
    eventually(lambda: system.api.observed(len(everyone) + 1))
    # A worker that pauses lets them be stale for a moment; what stays stale would not have recovered.
    eventually(lambda: not any(product["stale"] for product in system.api.all()))
    assert [event["state"] for event in worker.events("circuit breaker") if event["work"] == "refresh"] == [
        "open",
        "closed",
    ]
    assert plant.traffic("registrations", everyone) == [0] * len(everyone)
    assert plant.traffic("registrations", [created]) == [1]


def test_fault_15_one_product_hangs_the_others_stay_within_one_cycle(plant: Plant) -> None:
    system = plant.system
    hanging, *others = plant.stock()
    patient = Durations(
        replace(TIMING, lease=LONG_LEASE, batch_deadline=LONG_LEASE.total_seconds() - 10),
        http=HttpLimits(read=200.0, call=200.0),
    )
    worker = plant.work(patient)
    eventually(lambda: system.api.observed(len(others) + 1))

    system.simulator.switch(hang_products=[hanging])
    [calls] = plant.traffic("offers_calls", [hanging])
    system.query(IN_ONE_BATCH)
    before = plant.traffic("offers_served", others)
    eventually(
        lambda: all(now - then >= 5 for now, then in zip(plant.traffic("offers_served", others), before, strict=True))
    )
    assert plant.traffic("offers_calls", [hanging])[0] <= calls + 1, "the others were not served while one call hung"
    assert worker.ends_with() == 0

    plant.work(DURATIONS)
    failing = "SELECT product_id::text FROM synchronisation WHERE consecutive_failures > 0"
    eventually(lambda: system.query(failing) == [(hanging,)])
