"""A server that runs in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx

from api_client.api import SETTINGS, InMemoryOutside, Outside
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.server import Server, server_config
from entrypoints.limits import SERVING, HeadLimits
from entrypoints.listening import listening
from entrypoints.readiness import Stopping
from waiting import PATIENCE, until


@dataclass
class Served:
    """A server that runs in this process, and its task."""

    server: Server
    bounds: list[str]
    """One for each time that the process began to stop."""
    running: "asyncio.Task[None]"
    port: int

    def client(self, host: str = "127.0.0.1") -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://{host}:{self.port}", trust_env=False, timeout=PATIENCE)


@asynccontextmanager
async def served(
    outside: Outside | None = None, heads: HeadLimits = SERVING.heads, **settings: str
) -> AsyncIterator[Served]:
    read = read_settings({**SETTINGS, **settings})
    outside = outside or Outside()
    limits = replace(SERVING, heads=heads, requests=outside.limits)
    container = make_container(read, InMemoryOutside(outside), limits=limits)
    stopping = await container.get(Stopping)
    bounds: list[str] = []
    config = server_config(await create_app(container), read, limits)
    # The bound itself would end the process that runs the tests.
    server = Server(config, stopping, read.drain_seconds, lambda: bounds.append("bound"))
    with listening(read.host, 0, "PORT") as sockets:
        port = sockets[0].getsockname()[1]
        running = asyncio.create_task(server.serve(sockets=sockets))
        await until(lambda: server.started)
        try:
            yield Served(server, bounds, running, port)
        finally:
            server.should_exit = True
            await running
            await container.close()
