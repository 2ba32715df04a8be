"""Starting and stopping."""

import asyncio
import uuid

import httpx
import pytest

from development.offers_simulator.caller import PRODUCT, Caller, new_client
from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.listening import CannotListen
from waiting import until


async def test_a_hanging_call_does_not_delay_the_end() -> None:
    faults = Faults(hang_products=frozenset({uuid.UUID(PRODUCT)}))
    async with new_client() as client:
        async with running_simulator(SimulatorOptions(), faults=faults) as simulator:
            client.base_url = httpx.URL(simulator.base_url)
            hanging = asyncio.create_task(Caller(simulator, client).offers())
            await until(lambda: simulator.simulation.traffic.in_flight == 1)
        with pytest.raises(httpx.TransportError):
            await hanging


async def test_it_no_longer_listens_afterwards() -> None:
    async with new_client() as client:
        async with running_simulator(SimulatorOptions()) as simulator:
            assert (await client.get(f"{simulator.origin}/__state")).status_code == 200
        with pytest.raises(httpx.TransportError):
            await client.get(f"{simulator.origin}/__state")


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8090", 200), ("simulator", 200), ("127.0.0.1", 200), ("evil.example", 400), ("evil.example:80", 400)],
)
async def test_its_control_is_for_its_own_names(host: str, status: int) -> None:
    async with running_simulator(SimulatorOptions(), hosts=["simulator"]) as simulator, new_client() as client:
        for path in ("/__control", "/__state"):
            answer = await client.get(simulator.origin + path, headers={"Host": host})
            assert answer.status_code == status


async def test_a_port_in_use_is_an_error() -> None:
    async with running_simulator(SimulatorOptions()) as simulator:
        with pytest.raises(CannotListen, match="Set --port or SIMULATOR_PORT to another"):
            async with running_simulator(SimulatorOptions(), port=simulator.port):
                pass
