"""A client of a simulator, and the clock by which that simulator lives."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from entrypoints.development.offers_simulator.app import RunningSimulator, running_simulator
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions
from waiting import PATIENCE

START = 1_700_000_000.0
PRODUCT = "6a1f0c1e-7b4d-0a5e-02c1-9d0e8f7a6b5c"
OTHER = "6a1f0c1e-7b4d-0a5e-02c1-9d0e8f7a6b5d"
ANOTHER_IS_VALID = {"detail": "Cannot generate access token because another is valid"}


class ManualClock:
    """Time that passes only by hand; the simulator's waits end at once, unless `waits_end` is cleared."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []
        self.waits_end = asyncio.Event()
        self.waits_end.set()

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self.waits_end.wait()


class Caller:
    """Calls a simulator as a client would, and its control routes as a test would."""

    def __init__(self, simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.client = client
        self.token = ""

    async def auth(self, refresh_token: str = DEFAULT_REFRESH_TOKEN) -> httpx.Response:
        response = await self.client.post("/auth", headers={"Bearer": refresh_token})
        if response.status_code == 201 and "json" in response.headers["Content-Type"]:
            self.token = response.json().get("access_token") or ""
        return response

    async def register(self, product_id: str = PRODUCT, name: str = "Kettle") -> httpx.Response:
        body = {"id": product_id, "name": name, "description": "Boils"}
        return await self.client.post("/products/register", json=body, headers={"Bearer": self.token})

    async def offers(self, product_id: str = PRODUCT, **options: Any) -> httpx.Response:
        headers = {"Bearer": self.token}
        return await self.client.get(f"/products/{product_id}/offers", headers=headers, **options)

    async def control(self, **switches: Any) -> dict[str, Any]:
        response = await self.client.put(self.simulator.origin + "/__control", json=switches)
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    async def dictate(self, offers: list[dict[str, Any]], product_id: str = PRODUCT) -> None:
        response = await self.client.put(f"{self.simulator.origin}/__offers/{product_id}", json=offers)
        assert response.status_code == 204, response.text

    async def state(self, path: str = "") -> dict[str, Any]:
        response = await self.client.get(f"{self.simulator.origin}/__state{path}")
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    async def spoilt(self, kind: str, products: Any = "all", **switches: Any) -> httpx.Response:
        await self.control(malformed={kind: products}, **switches)
        return await self.offers()


@asynccontextmanager
async def calling(
    options: SimulatorOptions, *, clock: ManualClock | None = None, faults: Faults | None = None
) -> AsyncIterator[Caller]:
    """A caller of a simulator of its own."""
    clock = clock or ManualClock()
    async with (
        running_simulator(options, faults=faults, clock=clock, wait=clock.wait) as simulator,
        new_client(simulator.base_url) as client,
    ):
        yield Caller(simulator, client)


def new_client(base_url: str = "") -> httpx.AsyncClient:
    # A bare context: reading the certificates of the machine takes longer than a test.
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=bare, timeout=PATIENCE)


def by_id(response: httpx.Response) -> dict[str, dict[str, Any]]:
    return {offer["id"]: offer for offer in response.json()}
