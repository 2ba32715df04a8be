"""How long pages may be kept, and that they are not sent twice; products have tests of their own."""

import httpx
import pytest

from api_client.api import Api
from entrypoints.http.openapi.docs import STATIC_FILES

PAGES = [
    "/docs",
    "/schema/openapi.json",
    "/problems/not-found",
    "/.well-known/api-catalog",
    *(f"/docs/static/{name}" for name in sorted(STATIC_FILES)),
]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_may_be_kept_for_minutes_and_is_sent_once(customer: httpx.AsyncClient, path: str) -> None:
    sent = await customer.get(path)
    assert (sent.status_code, sent.headers["Cache-Control"]) == (200, "public, max-age=300")
    tag = sent.headers["ETag"]
    for condition in (tag, f"W/{tag}", "*"):
        kept = await customer.get(path, headers={"If-None-Match": condition})
        assert (kept.status_code, kept.content) == (304, b"")
        assert (kept.headers["ETag"], kept.headers["Cache-Control"]) == (tag, "public, max-age=300")
    assert (await customer.get(path, headers={"If-None-Match": '"old"'})).status_code == 200


@pytest.mark.parametrize("path", ["/openapi.json"])
async def test_so_may_the_ways_to_them(customer: httpx.AsyncClient, path: str) -> None:
    assert (await customer.get(path)).headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("migrations", ["ok", "outdated"])
async def test_health_is_always_asked_anew(api: Api, customer: httpx.AsyncClient, migrations: str) -> None:
    api.outside.migrations = migrations
    for path in ("/health/live", "/health/ready"):
        assert (await customer.get(path)).headers["Cache-Control"] == "no-store"
