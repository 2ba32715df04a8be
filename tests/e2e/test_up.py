"""Everything on one machine with one command, and products to try it out with."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.clients import Simulator, free_port
from e2e.one_machine import OneMachine, ended
from e2e.processes import Processes, eventually


@pytest.fixture
def machines(processes: Processes, tmp_path: Path) -> Iterator[list[OneMachine]]:
    """Give two data directories whose `up` would like the same ports."""
    ports = {"port": free_port(), "simulator_port": free_port()}
    machines = [OneMachine(processes, tmp_path / name, **ports) for name in ("one", "two")]
    yield machines
    processes.end()
    for machine in machines:
        machine.close()


def offer_ids(machine: OneMachine, product_id: str) -> set[str]:
    """Return the offers that the simulator of a machine has for a product."""
    simulator = Simulator(f"http://127.0.0.1:{machine.simulator_port}")
    with simulator.client:
        return {offer["id"] for offer in simulator.offers(product_id)}


def test_seeded_products_come_to_life_with_up_and_beside_it(machines: list[OneMachine]) -> None:
    machine, _ = machines
    seeding = machine.run("seed", "25")
    assert seeding.exit_code() == 0
    assert "Added 25 products" in seeding.output()
    assert not machine.workforce()

    machine.up()
    api = machine.ready()
    eventually(lambda: api.observed(25))
    assert machine.run("seed", "25").exit_code() == 0
    eventually(lambda: api.observed(50))
    machine.ends_cleanly(signal.SIGTERM)


def test_the_terminal_stays_calm_and_a_replaced_port_is_said(machines: list[OneMachine]) -> None:
    machine, _ = machines
    machine.environment["LOG_FORMAT"] = "console"
    wanted = int(machine.environment["PORT"])
    with socket.create_server(("127.0.0.1", wanted)):
        machine.up()
        api = machine.ready()
    assert f"The API takes port {machine.api_port}, because PORT={wanted} is taken.\n" in machine.running.output()
    assert machine.simulator_port == int(machine.environment["SIMULATOR_PORT"])
    api.create("Kettle")
    eventually(lambda: api.observed(1))
    assert api.client.get("/health/live").status_code == api.client.get("/favicon.ico").status_code == 200
    machine.ends_cleanly()
    before, _, after = machine.running.output().partition("Product Aggregator is up.")
    assert "POST /products 201" in after
    for noise in ("/health/", "favicon", "{}", "request_id", " batch ", "Traceback"):
        assert noise not in before + after
    lines = [line for line in (before + after).splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert len(lines) > 5
    assert max(map(len, lines)) <= 120


def test_a_past_needs_a_worker_and_does_not_wait_where_none_can_come(machines: list[OneMachine]) -> None:
    machine, _ = machines
    seeding = machine.run("seed", "2", "--history", "30d")
    assert seeding.exit_code() == 1
    assert "Added 2 products" in seeding.output()
    assert "No worker has observed the 2 products: run `aggregator up`, and then" in seeding.output()
    assert "Waiting" not in seeding.output()
    assert not machine.workforce()


def test_two_data_directories_run_side_by_side_and_a_killed_up_leaves_its_products_and_offers(
    machines: list[OneMachine],
) -> None:
    one, two = machines
    wanted = int(one.environment["PORT"])
    with socket.create_server(("127.0.0.1", wanted)):
        one.up()
        two.up()
        first, other = one.ready(), two.ready()
        assert len({wanted, one.api_port, two.api_port, one.simulator_port, two.simulator_port}) == 5
    product, foreign = first.create("The same name")["id"], other.create("The same name")["id"]
    eventually(lambda: first.observed(1) and other.observed(1))

    second = one.run("up")
    assert second.exit_code() == 1
    assert f"Another `aggregator up` or `seed` runs on {one.data_dir} already." in second.output()
    assert first.lives()

    offers = offer_ids(one, product)
    parts = one.parts()
    assert len(parts) == 3
    one.running.send(signal.SIGKILL)
    eventually(lambda: all(ended(pid) for pid in parts))
    one.up()
    again = one.ready()
    assert [each["id"] for each in again.all()] == [product]
    assert offer_ids(one, product) & offers
    one.ends_cleanly()

    assert other.read(foreign)["offers"]
    two.ends_cleanly()


def test_its_postgresql_is_started_again_when_it_dies(machines: list[OneMachine]) -> None:
    machine, _ = machines
    machine.up()
    api = machine.ready()
    kettle = api.create("Kettle")["id"]
    postmaster = machine.postmaster()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    eventually(lambda: "PostgreSQL runs again." in machine.running.output())
    eventually(lambda: api.client.get("/health/ready").status_code == 200)
    assert api.read(kettle)["id"] == kettle
    assert machine.postmaster() not in (None, postmaster)
    machine.ends_cleanly()
