"""Seeded products with a past, while a worker goes on observing them."""

from datetime import UTC, datetime, timedelta
from functools import partial

from e2e.clients import Json
from e2e.ledger import assert_sound
from e2e.processes import eventually
from e2e.system import System


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def insight(system: System, product_id: str, what: str, since: str) -> Json:
    answer = system.api.client.get(f"/products/{product_id}/{what}", params={"from": since})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def offers_now(system: System) -> dict[str, list[Json]]:
    """Return the offers of all products, but for when they were first seen."""
    offers = {item["id"]: system.api.read(item["id"])["offers"] for item in system.api.all()}
    return {id: [each | {"first_seen_at": None} for each in offers[id]] for id in offers}


def settled(system: System) -> bool:
    """Whether the stored offers are those of the simulator."""
    shown = {item["id"]: system.simulator.offers(item["id"]) for item in system.api.all()}
    return facts(offers_now(system)) == facts(shown)


def facts(offers: dict[str, list[Json]]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return price and stock by product and offer."""
    return {id: {each["id"]: (each["price"], each["items_in_stock"]) for each in offers[id]} for id in offers}


def changed(system: System, product_id: str, since: str) -> bool:
    """Whether both prices are known: today's is not for a moment when the worker observes late."""
    return insight(system, product_id, "price-change", since)["reason"] is None


def test_a_past_leads_to_the_present_and_nobody_gets_a_second_one(system: System) -> None:
    system.start(interval=1, tick=0.5)
    system.add_products(2)
    moved = "SELECT count(DISTINCT product_id) FROM best_price_step"
    eventually(lambda: system.number(moved) == 2)
    system.simulator.switch(freeze=True)
    eventually(lambda: settled(system))
    before = offers_now(system)

    system.seed(days=30)

    assert_sound(system)
    assert offers_now(system) == before
    for product_id in before:
        points = insight(system, product_id, "price-history", days_ago(30))["series"][0]["points"]
        assert sum(point["close"] is not None for point in points) > 0.9 * len(points)
        # The made-up past has gaps, and one may be where it begins.
        first_known = next(point["at"] for point in points if point["open"] is not None)
        eventually(partial(changed, system, product_id, first_known))
        week = insight(system, product_id, "price-statistics", days_ago(7))
        assert week["verdict"] is not None
        assert week["coverage"] > 0.8

    system.simulator.switch(freeze=False)
    eventually(lambda: offers_now(system) != before)
    recorded = "SELECT count(*) FROM best_price_step WHERE valid_to < now() - INTERVAL '2 days'"
    once = system.number(recorded)
    again = system.processes.aggregator("seed", "1", "--history", "1d", environment=system.environment)
    assert again.exit_code() == 0
    assert "Products given a past of 1d: 1.\nLeft alone: 2 with history from before today." in again.output()
    assert system.number(recorded) == once
    assert_sound(system)


def test_without_a_product_there_is_nothing_to_give_a_past_to(system: System) -> None:
    seeding = system.processes.aggregator("seed", "--history", "1d", environment=system.environment)
    assert seeding.exit_code() == 1
    assert "There is no product: `aggregator seed 25 --history 1d` adds 25." in seeding.output()


def test_a_past_waits_for_products_that_were_added_before(system: System) -> None:
    system.add_products(3)
    again = system.processes.aggregator("seed", "--history", "1d", environment=system.environment)
    eventually(lambda: "Waiting for a worker to observe the products" in again.output())
    assert again.alive
    system.start(interval=1)
    assert again.exit_code() == 0
    assert "Products given a past of 1d: 3." in again.output()
    assert "Left alone" not in again.output()
    assert "Not observed" not in again.output()
