"""The id of a request, the line and the count it leaves, and the headers that no answer is without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from adapters.metrics.metrics import Metrics
from api_client.api import MISSING, SETTINGS, USERNAME, Api, InMemoryOutside, Outside, client_of
from api_client.server import served
from entrypoints.configuration.settings import read_settings
from entrypoints.container import make_container
from entrypoints.http.app import create_app
from entrypoints.http.middleware.request_frame import QUIET_ROUTES
from telemetry.metric_values import counted, series

KINDS_OF_ANSWERS = [
    ("GET", "/products", 200),
    ("GET", "/docs", 200),
    ("GET", "/docs/static/docs.js", 200),
    ("GET", "/schema/openapi.json", 200),
    ("GET", "/health/live", 200),
    ("GET", f"/products/{MISSING}", 404),
    ("GET", "/nope", 404),
    ("PUT", "/products", 405),
    ("DELETE", f"/products/{MISSING}", 401),
]


def is_made(id: str) -> bool:
    return str(UUID(id)) == id


@pytest.mark.parametrize(("method", "path", "status"), KINDS_OF_ANSWERS)
async def test_every_answer_has_an_id_and_is_not_to_be_sniffed(
    customer: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await customer.request(method, path)
    assert answer.status_code == status
    assert is_made(answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers


@pytest.mark.parametrize("given", ["abc", "7", "trace-1.2_3", "A" * 64, str(MISSING)])
@pytest.mark.parametrize("path", ["/products", "/nope"])
async def test_a_sane_id_is_kept(customer: httpx.AsyncClient, path: str, given: str) -> None:
    answer = await customer.get(path, headers={"X-Request-Id": given})
    assert answer.headers.get_list("X-Request-Id") == [given]


@pytest.mark.parametrize("given", [b"", b" ", b"a b", b"a\nb", b"a\r\nSet-Cookie: x=y", b"A" * 65, b"A" * 200, b"\xff"])
async def test_any_other_id_is_replaced(customer: httpx.AsyncClient, given: bytes) -> None:
    answer = await customer.get("/nope", headers={b"X-Request-Id": given})
    assert is_made(answer.headers["X-Request-Id"])
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert "Set-Cookie" not in answer.headers


async def test_two_requests_have_two_ids(customer: httpx.AsyncClient) -> None:
    first, second = await customer.get("/products"), await customer.get("/products")
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/products?cursor=secret", "/products", 400),
        ("GET", f"/products/{MISSING}", "/products/{product_id}", 404),
        ("GET", "/docs/static/none.js", "/docs/static/{name}", 404),
        ("GET", "/docs", "/docs", 200),
        ("GET", "/nope/secret", "unknown", 404),
        ("PATCH", f"/products/{MISSING}", "/products/{product_id}", 415),
    ],
)
async def test_a_request_leaves_one_line_with_its_route_and_no_value(
    api: Api, method: str, path: str, route: str, status: int
) -> None:
    with capture_logs([merge_contextvars]) as lines:
        await api.http.request(method, path, headers={"X-Request-Id": "mine"})
    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": method,
        "route": route,
        "status": status,
        "request_id": "mine",
        "address": "127.0.0.1",
        "actor": USERNAME if method == "PATCH" else None,
    }


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/favicon.ico", "/docs/static/docs.js", "/static/page.css"]
)
async def test_probes_and_pictures_are_logged_at_debug_unless_they_fail(api: Api, path: str) -> None:
    with capture_logs() as lines:
        assert (await api.http.get(path)).status_code == 200
    assert [line["log_level"] for line in lines] == ["debug"]


def test_the_quiet_routes_exist(api: Api) -> None:
    assert {route.path_format for route in api.app.routes} >= QUIET_ROUTES


async def test_a_failed_probe_is_logged_like_any_other_request(api: Api) -> None:
    api.outside.migrations = "outdated"
    with capture_logs() as lines:
        assert (await api.http.get("/health/ready")).status_code == 503
    assert [line["log_level"] for line in lines] == ["info"]


async def test_the_address_is_the_one_that_a_trusted_proxy_tells() -> None:
    async with served(TRUSTED_PROXIES="127.0.0.1") as api, api.client() as client:
        with capture_logs() as lines:
            await client.get("/health/live", headers={"X-Forwarded-For": "198.51.100.7, 192.0.2.1"})
    (line,) = lines
    assert line["address"] == "192.0.2.1"


async def test_the_id_does_not_stay_behind(api: Api) -> None:
    await api.http.get("/products", headers={"X-Request-Id": "first"})
    with capture_logs([merge_contextvars]) as lines:
        await api.http.get("/products", headers={"X-Request-Id": "second"})
    assert [line["request_id"] for line in lines] == ["second"]


@asynccontextmanager
async def counting() -> AsyncIterator[tuple[httpx.AsyncClient, Metrics]]:
    """Give a customer of an API of its own, and what that counts."""
    container = make_container(read_settings(SETTINGS), InMemoryOutside(Outside()))
    app = await create_app(container)
    async with app.lifespan(), client_of(app) as customer:
        yield customer, await container.get(Metrics)
    await container.close()


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/products?limit=5", "/products", "200"),
        ("GET", f"/products/{MISSING}", "/products/{product_id}", "404"),
        ("DELETE", f"/products/{MISSING}", "/products/{product_id}", "401"),
        ("GET", "/docs/static/docs.js", "/docs/static/{name}", "200"),
        ("PUT", "/products", "unknown", "405"),
        ("GET", "/products/secret", "unknown", "404"),
    ],
)
async def test_a_request_is_counted_and_timed_by_its_route(method: str, path: str, route: str, status: str) -> None:
    async with counting() as (customer, metrics):
        for _ in range(2):
            await customer.request(method, path)
    assert counted(metrics, "aggregator_http_requests_total", method=method, route=route, status=status) == 2
    assert counted(metrics, "aggregator_http_request_duration_seconds_count", method=method, route=route) == 2
    assert counted(metrics, "aggregator_http_request_duration_seconds_sum", method=method, route=route) > 0


async def test_a_thousand_paths_and_methods_make_no_series_of_their_own() -> None:
    async with counting() as (customer, metrics):
        for _ in range(250):
            for method, path in (("GET", "/{}"), ("GET", "/products/{}"), ("GET", "/docs/static/{}"), ("{}", "/{}")):
                await customer.request(method.format(f"X{uuid4().hex}"), path.format(uuid4()))
    shown = {
        (labels["method"], labels["route"]): value
        for labels, value in series(metrics, "aggregator_http_requests_total")
        if value
    }
    assert shown == {
        ("GET", "unknown"): 250,
        ("GET", "/products/{product_id}"): 250,
        ("GET", "/docs/static/{name}"): 250,
        ("OTHER", "unknown"): 250,
    }
