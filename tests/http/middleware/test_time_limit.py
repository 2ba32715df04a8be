"""A request without an answer in time is given up, and nothing else suffers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import pytest
from litestar.types import HTTPRequestEvent, Message, Scope, Send

from api_client.api import INTERVAL, SOLD_OUT_KEPT, Api, Outside, problem_of, serving
from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    ChangePeriod,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from entrypoints.limits import RequestLimits
from fakes.catalogue_reader import InMemoryCatalogueReader
from fakes.defective_reader import DefectiveReader
from waiting import PATIENCE, let_others_run, let_time_pass, until


class StuckReader(InMemoryCatalogueReader):
    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
        change: ChangePeriod | None = None,
    ) -> ProductSlice:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


def serving_stuck(limits: RequestLimits | None = None) -> AbstractAsyncContextManager[Api]:
    outside = Outside(limits=limits or RequestLimits())
    outside.reader = StuckReader(outside.storage, INTERVAL, SOLD_OUT_KEPT)
    return serving(outside)


SHORT = RequestLimits(request=0.05)


def test_the_limit_is_that_of_the_contract() -> None:
    assert RequestLimits().request == 10


async def test_who_waits_in_vain_is_asked_to_come_back() -> None:
    async with serving_stuck(SHORT) as api:
        answer = await api.http.get("/products")
        problem_of(answer, 503, "overloaded")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with asyncio.timeout(PATIENCE):
            # The limit holds for it as well, which a busy machine may be too slow for once.
            while (await api.http.get("/health/live")).status_code != 200:
                pass


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    async def stuck_body() -> AsyncIterator[bytes]:
        yield b'{"username": '
        await asyncio.get_running_loop().create_future()

    async with serving(Outside(limits=SHORT)) as api:
        answer = await api.http.post("/login", content=stuck_body(), headers={"Content-Type": "application/json"})
    problem_of(answer, 503, "overloaded")


async def test_who_is_given_up_by_a_server_that_stops_is_asked_to_come_back() -> None:
    """Uvicorn then cancels the requests that are not answered in time."""
    async with serving_stuck() as api:
        asking = asyncio.create_task(api.http.get("/products"))
        await let_others_run()
        asking.cancel()
        answer = await asking
    problem_of(answer, 503, "overloaded")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_time_out_of_something_else_is_a_failure_of_its_own() -> None:
    outside = Outside()
    outside.reader = DefectiveReader(outside.storage, INTERVAL, SOLD_OUT_KEPT, TimeoutError())
    async with serving(outside) as api:
        problem_of(await api.http.get("/products"), 500, "internal-error")


async def ask_if_it_lives(api: Api, send: Send) -> None:
    """Ask without a client between, which would take the answer as it comes."""

    async def receive() -> HTTPRequestEvent:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/health/live", "raw_path": b"/health/live"}
    scope |= {
        "headers": [(b"host", b"here")],
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
    }
    scope |= {"server": ("aggregator.test", 80), "client": ("127.0.0.1", 1)}
    await api.app(cast("Scope", scope), receive, send)


async def test_what_was_begun_in_time_is_sent_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes the answer only once the limit has passed, by the clock that the limit goes by."""
    loop, limit = asyncio.get_running_loop(), 3600.0
    sent: list[Any] = []
    passed = loop.create_future()

    async def send(message: Message) -> None:
        sent.append(message)
        await passed

    async with serving(Outside(limits=RequestLimits(request=limit))) as api:
        asking = asyncio.create_task(ask_if_it_lives(api, send))
        await until(lambda: sent)
        # Later than the limit, which began earlier; the loop runs its timers in order.
        loop.call_later(limit, passed.set_result, None)
        let_time_pass(monkeypatch, limit)
        await asking
    assert sent[0]["status"] == 200
    assert sent[-1]["type"] == "http.response.body"
    assert not sent[-1].get("more_body")


async def test_what_was_begun_is_not_answered_anew_when_the_server_stops() -> None:
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)
        await asyncio.get_running_loop().create_future()

    async with serving(Outside()) as api:
        asking = asyncio.create_task(ask_if_it_lives(api, send))
        await let_others_run()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert [message["type"] for message in sent] == ["http.response.start"]
