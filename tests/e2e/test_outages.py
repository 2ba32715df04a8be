"""What stays up while something else is down, and how soon all is well again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from e2e.ledger import assert_sound
from e2e.processes import Processes, Running, eventually
from e2e.system import System

pytestmark = pytest.mark.timeout(180)

SECONDS_TO_REGISTER = 60.0
SECONDS_TO_BE_BACK = 5.0
SECONDS_TO_RESUME = 15.0


@dataclass
class Plant:
    """A whole system whose parts can be stopped and started at will, its PostgreSQL too."""

    server: EmbeddedPostgres
    system: System
    simulator: Running


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Give a system that runs; what a story stops, it starts again."""
    folder = tmp_path_factory.mktemp("plant")
    server = EmbeddedPostgres(folder / "postgres", ephemeral=True)
    system = System(server.start(), Processes(folder))
    migrating = system.processes.aggregator("migrate", environment=system.environment)
    assert migrating.process.wait(30) == 0
    simulator, _, _ = system.start()
    yield Plant(server, system, simulator)
    system.close()
    server.stop()


def state_of(system: System, product_id: str) -> str:
    return str(system.api.read(product_id)["registration"]["state"])


def test_products_created_while_the_offers_service_is_down_are_registered_when_it_is_back(plant: Plant) -> None:
    system = plant.system
    before = system.api.create("Created before")["id"]
    eventually(lambda: system.api.read(before)["offers"])
    assert plant.simulator.ends_with() == 0
    during = [system.api.create(f"Created meanwhile {number}")["id"] for number in range(3)]
    eventually(lambda: system.api.read(before)["stale"])
    assert system.api.read(before)["offers"]
    assert [state_of(system, product_id) for product_id in during] == ["pending"] * 3

    plant.simulator = system.start_simulator()  # it has forgotten the first product and the token
    everyone = [before, *during]
    everyone_is_back = ["registered"] * 4
    eventually(lambda: [state_of(system, id) for id in everyone] == everyone_is_back, within=SECONDS_TO_REGISTER)
    eventually(lambda: all(system.api.read(id)["offers"] and not system.api.read(id)["stale"] for id in everyone))
    traffic = system.simulator.state()["products"]
    assert [traffic[product_id]["registrations"] for product_id in everyone] == [1] * 4
    assert_sound(system)


def test_api_and_worker_live_through_a_restart_of_postgresql(plant: Plant) -> None:
    system = plant.system
    product_id = system.api.create("Kettle")["id"]
    eventually(lambda: system.api.read(product_id)["offers"])
    path = f"/products/{product_id}"

    plant.server.stop()
    for refused in (
        system.api.client.get(path),
        system.api.client.get("/products"),
        system.api.client.post("/products", json={"name": "Toaster", "description": ""}, headers=system.api.as_admin),
    ):
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/database-unavailable")
        assert refused.headers["Retry-After"]
    assert system.api.client.get("/health/ready").status_code == 503
    assert system.api.lives()

    plant.server.start()
    eventually(answers(system, path, 200), within=SECONDS_TO_BE_BACK)
    eventually(answers(system, "/health/ready", 200), within=SECONDS_TO_BE_BACK)
    calls = system.simulator.offers_calls()[product_id]
    eventually(lambda: system.simulator.offers_calls()[product_id] >= calls + 3, within=SECONDS_TO_RESUME)
    toaster = system.api.create("Toaster")["id"]
    eventually(lambda: system.api.read(toaster)["offers"], within=SECONDS_TO_RESUME)
    assert_sound(system)


def answers(system: System, path: str, status: int) -> Callable[[], bool]:
    return lambda: system.api.client.get(path).status_code == status
