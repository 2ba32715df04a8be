"""A request without an answer in time is given up, and nothing else suffers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from api import INTERVAL, SOLD_OUT_KEPT, Api, Outside, problem_of, serving
from application.listing import EVERYTHING, NEWEST_FIRST, PagePosition, ProductFilter, ProductOrder, ProductSlice
from entrypoints.http import app
from entrypoints.http.time_limit import REQUEST_SECONDS
from fake_reads import InMemoryCatalogueReader
from waiting import standstill


@dataclass(frozen=True)
class StuckReader(InMemoryCatalogueReader):
    failure: Exception | None = None

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        if self.failure is not None:
            raise self.failure
        await asyncio.get_running_loop().create_future()
        raise AssertionError


def serving_stuck(failure: Exception | None = None) -> AbstractAsyncContextManager[Api]:
    outside = Outside()
    outside.reader = StuckReader(outside.storage, INTERVAL, SOLD_OUT_KEPT, failure)
    return serving(outside)


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.05)


def test_the_limit_is_that_of_the_contract() -> None:
    assert REQUEST_SECONDS == 10


@pytest.mark.usefixtures("short_limit")
async def test_who_waits_in_vain_is_asked_to_come_back() -> None:
    async with serving_stuck() as api:
        answer = await api.http.get("/products")
        problem_of(answer, 503, "overloaded")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await api.http.get("/health/live")).status_code == 200


@pytest.mark.usefixtures("short_limit")
async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    async def stuck_body() -> AsyncIterator[bytes]:
        yield b'{"username": '
        await asyncio.get_running_loop().create_future()

    async with serving(Outside()) as api:
        answer = await api.http.post("/login", content=stuck_body(), headers={"Content-Type": "application/json"})
    problem_of(answer, 503, "overloaded")


async def test_who_is_given_up_by_a_server_that_stops_is_asked_to_come_back() -> None:
    """Uvicorn cancels what is not answered in time then."""
    async with serving_stuck() as api:
        asking = asyncio.create_task(api.http.get("/products"))
        await standstill()
        asking.cancel()
        answer = await asking
    problem_of(answer, 503, "overloaded")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_time_out_of_something_else_is_a_failure_of_its_own() -> None:
    async with serving_stuck(TimeoutError()) as api:
        problem_of(await api.http.get("/products"), 500, "internal-error")


async def test_what_was_begun_in_time_is_sent_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the answer is slower than the limit."""
    monkeypatch.setattr(app, "REQUEST_SECONDS", 0.5)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        await asyncio.sleep(0.6)

    async with serving(Outside()) as api:
        scope = {"type": "http", "method": "GET", "path": "/health/live", "raw_path": b"/health/live", "headers": []}
        scope |= {"query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1"}
        scope |= {"server": ("aggregator.test", 80), "client": ("127.0.0.1", 1)}
        await api.app(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 200
    assert sent[-1]["type"] == "http.response.body"
    assert not sent[-1].get("more_body")
