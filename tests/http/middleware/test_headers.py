"""The headers that no answer is without, and those that none has, over all routes and as uvicorn sends them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from api_client.api import MISSING, PROBLEM, SETTINGS, Api, InMemoryOutside, Outside, problem_of
from api_client.routes import filled, routes
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.server import server_config
from entrypoints.limits import SERVING
from waiting import PATIENCE, until

JSON = {"Content-Type": "application/json"}
UNROUTED = [
    ("GET", "/nope"),
    ("BREW", "/"),
    ("PUT", "/products"),
    ("GET", "/docs/static/nope"),
    ("GET", "/docs/static/"),
]


def check(answer: httpx.Response) -> None:
    about = (answer.request.method, answer.request.url.path, answer.status_code)
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"], about
    assert len(answer.headers.get_list("X-Request-Id")) == 1, about
    assert "Server" not in answer.headers, about
    if "html" in answer.headers.get("Content-Type", ""):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], about


async def test_every_route_answers_with_them_whoever_asks(api: Api, customer: httpx.AsyncClient) -> None:
    statuses = set()
    for method, template in routes(api.app):
        for client in (api.http, customer):
            for body in (None, b"{}", b"{"):
                answer = await client.request(method, filled(template), content=body, headers=JSON)
                check(answer)
                if answer.is_error and method != "HEAD":
                    assert answer.headers["Content-Type"] == PROBLEM, (method, template)
                statuses.add(answer.status_code)
    assert {200, 204, 400, 401, 404, 422} <= statuses


@pytest.mark.parametrize(("method", "path"), UNROUTED)
async def test_so_does_what_has_no_route(customer: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await customer.request(method, path)
    assert answer.status_code >= 400
    check(answer)


async def test_so_do_refusals_of_bodies_and_of_the_database(api: Api) -> None:
    too_large = await api.http.post("/products", content=b"x" * 70_000, headers=JSON)
    form = await api.http.post("/products", data={"name": "Kettle"})
    api.outside.storage.away = True
    away = await api.http.get("/products")
    for answer in (too_large, form, away):
        check(answer)
    assert [answer.status_code for answer in (too_large, form, away)] == [413, 415, 503]


async def test_html_is_sent_with_a_policy(customer: httpx.AsyncClient) -> None:
    answer = await customer.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")


HOSTS = [
    (b"GET /products HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
    (b"GET /products HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"GET /products HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
    (b"GET /nope HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
    (b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"GET /products HTTP/1.0\r\n\r\n", 200),
    (b"GET /products HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
]


async def exchange(port: int, request: bytes) -> httpx.Response:
    """Send what no client would, and return the one answer, after which the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    status, *headers = head.decode().split("\r\n")
    pairs = [(name, value) for name, _, value in (header.partition(": ") for header in headers)]
    asked = httpx.Request("GET", f"http://127.0.0.1:{port}/products")
    return httpx.Response(int(status.split()[1]), headers=pairs, content=body, request=asked)


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


async def test_uvicorn_adds_nothing_and_lets_no_larger_body_through() -> None:
    settings = read_settings({**SETTINGS, "PORT": "0"})
    container = make_container(settings, InMemoryOutside(Outside()))
    server = uvicorn.Server(server_config(await create_app(container), settings, SERVING))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client:
        for path in ("/products", f"/products/{MISSING}", "/nope", "/docs"):
            check(await client.get(path))
        answer = await client.post("/login", content=in_pieces(128 * 1024), headers=JSON)
        assert answer.request.headers["Transfer-Encoding"] == "chunked"
        assert answer.status_code == 413
        check(answer)
    for request in (b"\x16\x03\x01\r\n\r\n", b"GET /products?q=" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"):
        assert (await exchange(port, request)).status_code == 400
    for request, status in HOSTS:
        answer = await exchange(port, request)
        assert answer.status_code == status, request
        check(answer)
        if status == 400:
            problem_of(answer, 400, "malformed-request")
    server.should_exit = True
    await serving
    await container.close()
