"""Several workers share the products: each is observed once an interval, by whoever is free."""

import time
from datetime import timedelta

import pytest

from application.pace import Pace
from e2e.clients import Json
from e2e.ledger import assert_sound
from e2e.processes import Running, eventually
from e2e.system import System

pytestmark = pytest.mark.timeout(180)

PRODUCTS, INTERVAL, INTERVALS = 200, 2.0, 8
# Each batch goes to whoever is first, so it takes many for even shares.
PACE = Pace(refresh_interval=timedelta(seconds=INTERVAL), batch_size=10)


def observed_by(worker: Running) -> int:
    return sum(batch.get("observed", 0) for batch in worker.events("batch"))


def test_two_workers_observe_every_product_once_an_interval_with_one_token(system: System) -> None:
    system.add_products(PRODUCTS)
    system.start_simulator()
    workers = system.start_divided_workers(PACE, PACE)

    def served() -> Json | None:
        products = system.simulator.state()["products"]
        everyone = len(products) == PRODUCTS and all(product["offers_served"] for product in products.values())
        return products if everyone else None

    eventually(served, within=20)
    before, by_each, began = served(), [observed_by(worker) for worker in workers], time.monotonic()
    eventually(lambda: time.monotonic() - began >= INTERVALS * INTERVAL, within=INTERVALS * INTERVAL + 1)
    after = served()

    assert before
    assert after
    for product_id, now in after.items():
        calls = now["offers_calls"] - before[product_id]["offers_calls"]
        assert INTERVALS - 1 <= calls <= INTERVALS + 1
        period = (now["last_offers_call"] - before[product_id]["last_offers_call"]) / calls
        assert 0.9 * INTERVAL <= period <= 1.1 * INTERVAL
    shares = [observed_by(worker) - earlier for worker, earlier in zip(workers, by_each, strict=True)]
    assert 0.2 <= shares[0] / sum(shares) <= 0.8, shares
    assert system.simulator.auth_calls() == 1
    assert [product["registrations"] for product in system.simulator.state()["products"].values()] == [1] * PRODUCTS
    assert_sound(system)
