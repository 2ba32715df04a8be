"""The pages of the running application, as a browser asks for them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from api_client.api import Api
from api_client.fixtures import api, running
from web.forms import logged_in

__all__ = ["api", "running"]

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser on the same machine, without a session."""
    transport = httpx.ASGITransport(api.app, client=("127.0.0.1", 123))  # type: ignore[arg-type]
    headers = {"Accept": ACCEPT, "Accept-Language": "en-GB,en;q=0.5"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


@pytest.fixture
async def admin(browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give a browser in which an admin has logged in."""
    return await logged_in(browser)
