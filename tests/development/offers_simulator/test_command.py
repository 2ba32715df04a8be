"""`aggregator offers-simulator` as a process of its own."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from development.offers_simulator.caller import PRODUCT, new_client
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN


@asynccontextmanager
async def simulator(*arguments: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A simulator that says where it listens, and a client of it."""
    command = (sys.executable, "-m", "entrypoints.cli", "offers-simulator", "--port", "0", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE)
    try:
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        announced = re.match(r"Offers simulator at (\S+), its faults at /__control\n", line)
        assert announced, line
        async with new_client(announced[1]) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def registering(client: httpx.AsyncClient) -> int:
    answer = await client.post("/auth", headers={"Bearer": DEFAULT_REFRESH_TOKEN})
    token = answer.json()["access_token"]
    body = {"id": PRODUCT, "name": "Kettle", "description": "Boils"}
    return (await client.post("/products/register", json=body, headers={"Bearer": token})).status_code


async def test_it_serves_until_sigterm_and_a_world_file_goes_on(tmp_path: Path) -> None:
    world = str(tmp_path / "world.json")
    async with simulator("--world", world) as (process, client):
        assert await registering(client) == 201
        process.terminate()
        assert await process.wait() == 0
        with pytest.raises(httpx.TransportError):
            await client.get("/auth")
    async with simulator("--world", world) as (_, client):
        assert await registering(client) == 409
    async with simulator() as (_, client):
        assert await registering(client) == 201
