"""Browsers let pages of listed origins call the API, and no others."""

from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from api_client.api import Api, Outside, serving
from api_client.routes import filled, routes

SHOP, ADMINS = "https://shop.example", "http://localhost:3000"
FOREIGN = [
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example.evil.example",
    "https://evil-shop.example",
    "https://SHOP.example",
    "https://shop.example/",
    "null",
    "*",
    "",
]
KINDS_OF_REQUESTS = [
    ("GET", "/products"),
    ("GET", "/nope"),
    ("PUT", "/products"),
    ("POST", "/products"),
    ("GET", "/docs"),
]


def open_api() -> AbstractAsyncContextManager[Api]:
    return serving(Outside(), CORS_ORIGINS=f"{SHOP},{ADMINS}")


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }


@pytest.mark.parametrize(("method", "path"), KINDS_OF_REQUESTS)
@pytest.mark.parametrize("origin", [SHOP, ADMINS])
async def test_a_listed_origin_may_read_every_answer_errors_too(origin: str, method: str, path: str) -> None:
    async with open_api() as api:
        answer = await api.http.request(method, path, headers={"Origin": origin})
        headers = cors_headers(answer)
        assert headers.pop("access-control-allow-origin") == origin
        assert {"ETag", "Link", "Location", "Retry-After", "X-Request-Id"} <= {
            *headers.pop("access-control-expose-headers").split(", ")
        }
        assert headers == {}
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_other_origin_may(origin: str) -> None:
    async with open_api() as api:
        for method, path in KINDS_OF_REQUESTS:
            answer = await api.http.request(method, path, headers={"Origin": origin})
            assert cors_headers(answer) == {}
            assert answer.headers["Vary"] == "Origin"


async def test_answers_for_nobodys_page_are_not_kept_for_one() -> None:
    async with open_api() as api:
        answer = await api.http.get("/products")
        assert (cors_headers(answer), answer.headers["Vary"]) == ({}, "Origin")


async def test_browsers_are_told_in_advance_what_a_page_may_do_on_every_route() -> None:
    async with open_api() as api, api.as_customer() as browser:
        for method, template in routes(api.app):
            if method == "OPTIONS":
                continue
            answer = await browser.options(filled(template), headers=preflight(SHOP, method))
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["Access-Control-Allow-Origin"] == SHOP
            assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
            allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
            assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= {*allowed}
            assert int(answer.headers["Access-Control-Max-Age"]) > 0
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert answer.headers["Vary"] == "Origin"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_preflight_of_another_origin_is_answered_as_without_cors(origin: str) -> None:
    async with open_api() as api, api.as_customer() as browser:
        answer = await browser.options("/products", headers=preflight(origin))
        assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        assert cors_headers(answer) == {}


async def test_what_is_no_preflight_is_not_answered_as_one() -> None:
    async with open_api() as api, api.as_customer() as browser:
        answer = await browser.options("/products", headers={"Origin": SHOP})
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("origin", [SHOP, "http://aggregator.test", "*", "null"])
async def test_without_listed_origins_no_answer_has_a_cors_header(api: Api, origin: str) -> None:
    for method, template in routes(api.app):
        answer = await api.http.request(method, filled(template), headers=preflight(origin, "GET"))
        assert cors_headers(answer) == {}
        assert "Vary" not in answer.headers
