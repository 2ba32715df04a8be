"""How often a page asks PostgreSQL: each statement is a round trip that its reader waits for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from api_client.api import SETTINGS
from domain.offer import Offer
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from factories import some_id
from fakes.offers_gateway import observed
from storages.databases import system_clock
from storages.storage import ago, observe, on_postgres, scheduled
from web.forms import logged_in, send


@dataclass
class Counted:
    """A browser, and the statements that its pages took."""

    browser: httpx.AsyncClient
    product_id: UUID
    statements: list[str] = field(default_factory=list)

    async def of(self, path: str) -> int:
        """Return how many statements a page takes that is shown for the second time."""
        for _ in "12":
            self.statements.clear()
            assert (await self.browser.get(path)).status_code == 200
        return len(self.statements)


@asynccontextmanager
async def counting(dsn: str, database: AsyncEngine) -> AsyncIterator[Counted]:
    """Give the API in front of PostgreSQL, with a product whose price has moved."""
    storage, offer = on_postgres(database), some_id()
    product_id = await scheduled(storage.begin, ago(hours=3))
    for minutes, price in ((90, 110), (60, 100), (1, 105)):
        at = system_clock() - timedelta(minutes=minutes)
        await observe(storage.begin, product_id, observed(Offer(offer, price, 1)), at)
    container = make_container(read_settings({**SETTINGS, "DATABASE_URL": dsn}))
    app: Any = await create_app(container)
    transport = httpx.ASGITransport(app)
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"Accept": "text/html"}) as browser,
    ):
        counted = Counted(browser, product_id)
        engine = (await container.get(AsyncEngine)).sync_engine
        event.listen(engine, "before_cursor_execute", lambda *executed: counted.statements.append(executed[2]))
        # The hot reads go by the driver alone, which reports them itself.
        event.listen(engine, "connect", lambda opened, _: opened.driver_connection.add_query_logger(
            lambda query: counted.statements.append(query.query)
        ))  # fmt: skip
        yield counted
    await container.close()


MOST = {
    "/": 2,
    "/?sort=name&stock=1": 2,
    "/?q=product": 3,
    "/catalogue/{id}?range=1h": 9,
    "/catalogue/{id}?range=24h": 9,
    "/catalogue/{id}?range=24h&offers=1": 11,
    "/catalogue/{id}?range=7d": 10,
    "/catalogue/{id}?range=30d": 10,
    "/catalogue/{id}?range=90d": 10,
    "/catalogue/{id}?range=all": 9,
}
MOST_FOR_ADMINS = {
    "/catalogue/{id}?range=24h": 9,
    "/admin/products/{id}/alerts": 5,
    "/admin/alerts": 8,
    "/admin/alerts?page=999999999999999999&before=999999999999999999": 8,
}


async def test_no_page_takes_more_statements_than_it_needs(dsn: str, database: AsyncEngine) -> None:
    async with counting(dsn, database) as counted:
        taken = {path: await counted.of(path.replace("{id}", str(counted.product_id))) for path in MOST}
        assert {path: count for path, count in taken.items() if count > MOST[path]} == {}
        await logged_in(counted.browser)
        await send(counted.browser, f"/admin/products/{counted.product_id}/alerts/new", name="Any", kind="in_stock")
        taken = {path: await counted.of(path.replace("{id}", str(counted.product_id))) for path in MOST_FOR_ADMINS}
        assert {path: count for path, count in taken.items() if count > MOST_FOR_ADMINS[path]} == {}
