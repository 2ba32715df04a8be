"""Starting and stopping."""

import asyncio
import uuid

import httpx
import pytest

from development.offers_simulator.caller import PRODUCT, Caller, new_client
from entrypoints.development.offers_simulator.app import running_simulator, serve
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
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


async def test_it_serves_until_cancelled_and_tells_its_port() -> None:
    ports: list[int] = []
    serving = asyncio.create_task(serve("127.0.0.1", 0, SimulatorOptions(), started=ports.append))
    await until(lambda: bool(ports))
    async with new_client() as client:
        url = f"http://127.0.0.1:{ports[0]}"
        response = await client.post(f"{url}/api/v1/auth", headers={"Bearer": DEFAULT_REFRESH_TOKEN})
        assert response.status_code == 201
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(httpx.TransportError):
            await client.get(f"{url}/__state")


async def test_a_port_in_use_is_an_error() -> None:
    async with running_simulator(SimulatorOptions()) as simulator:
        with pytest.raises(OSError, match="address already in use"):
            await serve("127.0.0.1", simulator.port, SimulatorOptions())
