"""SIGTERM under load, and what a start after it finds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event

import httpx
import pytest

from e2e.clients import Api
from e2e.ledger import assert_sound
from e2e.processes import eventually
from e2e.system import System

pytestmark = pytest.mark.timeout(180)

SLOW = {"all": {"p50": 200, "p99": 1000}}


@contextmanager
def creating(url: str, headers: dict[str, str]) -> Iterator[set[str]]:
    """Create products one after the other while the block runs; gives the names that were acknowledged."""
    acknowledged: set[str] = set()
    enough = Event()

    def create() -> None:
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            for number in count():
                if enough.is_set():
                    return
                try:
                    answer = client.post("/products", json={"name": f"Product {number}", "description": ""})
                except httpx.TransportError:
                    return
                if answer.status_code == 201:
                    acknowledged.add(answer.json()["name"])

    with ThreadPoolExecutor(1) as thread:
        creation = thread.submit(create)
        try:
            yield acknowledged
        finally:
            enough.set()
            creation.result()


def test_sigterm_under_load_loses_nothing_and_a_restart_needs_no_new_token(system: System) -> None:
    _, api, worker = system.start()
    system.simulator.switch(latency=SLOW)
    url, headers = str(system.api.client.base_url), system.api.as_admin
    with creating(url, headers) as acknowledged:
        eventually(lambda: system.simulator.state()["calls"].get("offers"), within=20)
        eventually(lambda: system.simulator.state()["in_flight"] >= 10)
        assert (worker.ends_with(), api.ends_with()) == (0, 0)
    assert acknowledged
    assert acknowledged <= {name for (name,) in system.query("SELECT name FROM product")}
    assert system.number("SELECT count(*) FROM synchronisation WHERE lease_until > now()") == 0
    assert_sound(system)

    system.simulator.switch(latency={})
    system.api.client.close()
    system.api = Api(url)
    system.start_api()
    system.start_workers(1)
    products = system.number("SELECT count(*) FROM product")
    eventually(lambda: system.api.observed(products), within=20)
    assert system.simulator.auth_calls() == 1
    assert_sound(system)


def test_another_refresh_interval_acts_at_once(system: System) -> None:
    system.add_products(3)
    system.start_simulator()
    [worker] = system.start_workers(7)
    eventually(lambda: system.observed() == 3)
    for interval in (1, 3):
        assert worker.ends_with() == 0
        system.simulator.reset_counters()
        [worker] = system.start_workers(interval)
        # Under the interval before, the second call would come later, or earlier.
        eventually(
            lambda: sum(calls >= 2 for calls in system.simulator.offers_calls().values()) == 3,
            within=2 * interval + 2,
        )
        gaps = system.simulator.state()["gaps"]["offers"]
        assert interval - 0.9 < gaps["shortest"] <= gaps["longest"] < interval + 1.9
