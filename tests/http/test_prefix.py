"""Behind a proxy that serves the API under a path, every path that the API writes leads back through the proxy."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from api_client.api import MISSING, PROBLEM, Api, Outside, client_of, serving
from entrypoints.configuration.settings import SettingsError, read_settings
from entrypoints.http.server import server_config
from entrypoints.limits import SERVING

PREFIX = "/aggregator"
PROXY, PEER = "10.1.2.3", "203.0.113.9"


class Proxy(httpx.AsyncBaseTransport):
    """Takes the prefix off, and forwards; what does not have it is not the API's."""

    def __init__(self, inner: httpx.AsyncBaseTransport, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        if not path.startswith(f"{self._prefix}/"):
            return httpx.Response(404, text="The proxy knows no such path.")
        request.url = request.url.copy_with(raw_path=path.removeprefix(self._prefix).encode())
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def behind(prefix: str, **settings: str) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:
    """Give the API and an admin's client that reaches it through the proxy."""
    async with serving(Outside(), **settings) as api:
        transport = Proxy(httpx.ASGITransport(api.app), prefix)  # type: ignore[arg-type]
        headers = {"Authorization": api.http.headers["Authorization"]}
        async with httpx.AsyncClient(transport=transport, base_url="http://aggregator.test", headers=headers) as client:
            yield api, client


@pytest.mark.parametrize("prefix", [PREFIX, "/p", "/shops/a.b/api-1"])
async def test_all_that_is_written_leads_through_the_proxy(prefix: str) -> None:
    async with behind(prefix, ROOT_PATH=prefix) as (_, client):
        created = await client.post(f"{prefix}/products", json={"name": "Kettle", "description": ""})
        assert created.headers["Location"] == f"{prefix}/products/{created.json()['id']}"
        assert (await client.get(created.headers["Location"])).status_code == 200

        await client.post(f"{prefix}/products", json={"name": "Pan", "description": ""})
        listed = await client.get(f"{prefix}/products?limit=1")
        following = await client.get(listed.links["next"]["url"])
        assert {item["name"] for item in (listed.json()["items"] + following.json()["items"])} == {"Pan", "Kettle"}

        for path in ("/nope", f"/products/{MISSING}", "/products?limit=0"):
            problem = await client.get(prefix + path)
            assert problem.headers["Content-Type"] == PROBLEM
            assert problem.json()["type"].startswith(f"{prefix}/problems/")
            assert (await client.get(problem.json()["type"])).status_code == 200

        for path in ("/", "/openapi.json"):
            led = await client.get(prefix + path, follow_redirects=True)
            assert led.status_code == 200
            for link in (await client.get(prefix + path)).links.values():
                assert (await client.get(link["url"])).status_code == 200
        for loaded in re.findall(r'(?:src|href)="([^"]+)"', (await client.get(f"{prefix}/docs")).text):
            assert (await client.get(loaded)).status_code == 200
        description = (await client.get(f"{prefix}/schema/openapi.json")).json()
        assert description["servers"] == [{"url": prefix}]
        (catalog,) = (await client.get(f"{prefix}/.well-known/api-catalog")).json()["linkset"]
        assert (await client.get(catalog["service-desc"][0]["href"])).json() == description


async def test_without_one_nothing_stands_before_a_path(api: Api) -> None:
    answer = await api.http.get("/schema/openapi.json")
    assert answer.json()["servers"] == [{"url": "/"}]


async def test_requests_that_are_turned_away_are_told_the_way_too() -> None:
    async with behind(PREFIX, ROOT_PATH=PREFIX) as (_, client):
        answer = await client.get(f"{PREFIX}/products", headers=[("Host", "a"), ("Host", "b")])
        assert (answer.status_code, answer.json()["type"]) == (400, f"{PREFIX}/problems/malformed-request")


async def type_of_a_problem(peer: str, *told: str, root_path: str = "", proxies: str = "10.0.0.0/8") -> str:
    """Return the type of a problem for this peer, as uvicorn serves the API."""
    settings = read_settings({"TRUSTED_PROXIES": proxies, "ROOT_PATH": root_path})
    async with serving(Outside(), ROOT_PATH=root_path) as api:
        config = server_config(api.app, settings, SERVING)
        config.load()
        headers = [("X-Forwarded-For", PEER), *(("X-Forwarded-Prefix", each) for each in told)]
        async with client_of(config.loaded_app, peer) as client:
            answer = await client.get("/nope", headers=headers)
    type_: str = answer.json()["type"]
    return type_.removesuffix("/problems/not-found")


@pytest.mark.parametrize(
    ("told", "prefix"),
    [
        ([PREFIX], PREFIX),
        ([f"{PREFIX}/"], PREFIX),
        (["/a/b-1"], "/a/b-1"),
        ([], ""),
        (["/"], ""),
        ([""], ""),
        (["aggregator"], ""),
        (["//evil.example"], ""),
        (["/\\evil.example"], ""),
        (["https://evil.example"], ""),
        (["/a?b"], ""),
        (["/a>; rel=x"], ""),
        (['/a"b'], ""),
        (["/a", "/b"], ""),
    ],
)
async def test_a_trusted_proxy_tells_the_prefix(told: list[str], prefix: str) -> None:
    assert await type_of_a_problem(PROXY, *told) == prefix


async def test_what_it_tells_counts_before_the_setting_and_that_before_nothing() -> None:
    assert await type_of_a_problem(PROXY, "/told", root_path="/set") == "/told"
    assert await type_of_a_problem(PROXY, root_path="/set") == "/set"
    assert await type_of_a_problem(PROXY, "//told", root_path="/set") == "/set"


@pytest.mark.parametrize(("peer", "proxies"), [(PEER, "10.0.0.0/8"), (PROXY, ""), ("unix socket", "10.0.0.0/8")])
async def test_nobody_else_is_believed(peer: str, proxies: str) -> None:
    assert await type_of_a_problem(peer, PREFIX, proxies=proxies) == ""


@pytest.mark.parametrize(
    "wrong", ["aggregator", "/", "/aggregator/", "//shop.test", "/a b", "/a?b", "https://shop.test"]
)
def test_a_setting_that_is_no_path_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"^ROOT_PATH: must be a path"):
        read_settings({"ROOT_PATH": wrong})
