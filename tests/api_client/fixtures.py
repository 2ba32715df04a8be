"""The fixtures of all tests that talk to the running application; their conftest modules import them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from api_client.api import Api, Outside, serving


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Api]:
    # A task of its own: a fixture's beginning and end may run in two tasks, which lifespans refuse.
    started: asyncio.Queue[Api | None] = asyncio.Queue()
    over = asyncio.Event()

    async def run() -> None:
        try:
            async with serving(Outside()) as api:
                await started.put(api)
                await over.wait()
        finally:
            await started.put(None)

    running = asyncio.create_task(run())
    api = await started.get()
    if api is not None:
        yield api
    over.set()
    await running


@pytest.fixture
def api(running: Api) -> Api:
    """Give the API with nothing stored, its clock at noon, and a client that is an admin's."""
    running.outside.reset()
    return running


@pytest.fixture
async def customer(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client without a token."""
    async with api.as_customer() as client:
        yield client
