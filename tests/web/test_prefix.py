"""Behind a proxy's prefix every link of every page leads back behind it."""

import re

import httpx

from api_client.api import PASSWORD, USERNAME, Outside, serving

PREFIX = "/aggregator"


async def test_all_links_forms_and_redirects_have_the_prefix() -> None:
    async with serving(Outside(), ROOT_PATH=PREFIX) as api:
        id = (await api.create("Kettle"))["id"]
        transport = httpx.ASGITransport(api.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers={"Accept": "text/html"}
        ) as browser:
            asked = await browser.get("/admin")
            assert asked.headers["Location"] == f"{PREFIX}/admin/login?next=/admin"
            credentials = {"username": USERNAME, "password": PASSWORD}
            assert (await browser.post("/admin/login", data=credentials)).headers["Location"] == f"{PREFIX}/admin"
            await api.http.post("/webhooks", json={"url": "https://shop.example/", "product_ids": [id]})
            await api.http.post("/alerts", json={"name": "Any", "product_ids": [id], "when": {"kind": "in_stock"}})
            (alert,) = (await api.http.get("/alerts")).json()["items"]
            (webhook,) = (await api.http.get("/webhooks")).json()["items"]
            for path in (
                "/",
                f"/catalogue/{id}",
                "/admin",
                "/admin/products/new",
                f"/admin/products/{id}/delete",
                "/admin/alerts",
                f"/admin/alerts/{alert['id']}",
                f"/admin/alerts/{alert['id']}/edit",
                f"/admin/alerts/{alert['id']}/delete",
                f"/admin/products/{id}/alerts",
                f"/admin/products/{id}/alerts/new",
                "/admin/webhooks",
                "/admin/webhooks/new",
                f"/admin/webhooks/{webhook['id']}",
                f"/admin/webhooks/{webhook['id']}/rotate",
                "/no",
            ):
                page = (await browser.get(path)).text
                links = re.findall(r'(?:href|src|action|hx-get|data-stream)="(/[^"]*)"', page)
                assert len(links) > 5
                assert [link for link in links if not link.startswith(f"{PREFIX}/")] == []
