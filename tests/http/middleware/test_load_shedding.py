"""More than can be answered in time is turned away at once; the rest is answered, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from api_client.api import INTERVAL, MISSING, SOLD_OUT_KEPT, Api, Outside, client_of, problem_of, serving
from application.bounded_queue import BoundedQueue
from application.catalogue.listing import ProductSlice
from application.catalogue.views import Encoded, ProductDetailView
from application.unit_of_work import UnitOfWork
from domain.errors import ProductNotFound
from entrypoints.http.middleware.load_shedding import Kind, ShedRequests
from entrypoints.http.middleware.request_frame import RequestFrame
from entrypoints.http.problems.refusals import answer_overloaded
from entrypoints.limits import RequestLimits
from fakes.catalogue_reader import InMemoryCatalogueReader
from fakes.price_readers import InMemoryOfferPriceReader
from waiting import PATIENCE, let_others_run, until

LIMITS = RequestLimits()
UNHURRIED = replace(LIMITS, write_wait=PATIENCE, request=2 * PATIENCE)


@dataclass(frozen=True)
class HeldReader(InMemoryCatalogueReader):
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        await self.released.wait()
        return await super().detail(product_id, sold_out_too=sold_out_too)


@dataclass
class Held:
    """An API that answers no product's detail until it may."""

    api: Api
    released: asyncio.Event
    asked: list["asyncio.Task[httpx.Response]"] = field(default_factory=list)

    async def ask(self, count: int, method: str = "GET", path: str = f"/products/{MISSING}") -> None:
        """Ask so often, and go on once nothing moves any more."""
        request = self.api.http.request
        self.asked += [asyncio.create_task(request(method, path)) for _ in range(count)]
        await let_others_run()

    async def statuses(self) -> list[int]:
        self.released.set()
        return [answer.status_code for answer in await asyncio.gather(*self.asked)]


@asynccontextmanager
async def holding(**settings: str) -> AsyncIterator[Held]:
    outside = Outside()
    reader = HeldReader(outside.storage, INTERVAL, SOLD_OUT_KEPT)
    outside.reader = reader
    async with serving(outside, **settings) as api:
        yield Held(api, reader.released)


async def test_who_comes_when_too_many_wait_is_asked_to_come_back() -> None:
    async with holding() as held:
        await held.ask(LIMITS.reads)
        answer = await held.api.http.get("/products", headers={"X-Request-Id": "mine"})
        problem = problem_of(answer, 503, "overloaded")
        assert (problem["request_id"], answer.headers["X-Request-Id"]) == ("mine", "mine")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await held.statuses() == [404] * LIMITS.reads


async def test_one_less_is_answered_and_whoever_is_done_makes_room() -> None:
    async with holding() as held:
        await held.ask(LIMITS.reads - 1)
        assert (await held.api.http.get("/products")).status_code == 200
        assert (await held.api.http.get("/products")).status_code == 200
        await held.ask(1)
        assert (await held.api.http.get("/products")).status_code == 503
        await held.statuses()
        for _ in range(2 * LIMITS.reads):
            assert (await held.api.http.get("/products")).status_code == 200


async def test_who_is_turned_away_takes_no_place() -> None:
    async with holding() as held:
        await held.ask(3 * LIMITS.reads)
        assert sorted(await held.statuses()) == [404] * LIMITS.reads + [503] * 2 * LIMITS.reads
        assert (await held.api.http.get("/products")).status_code == 200


async def test_health_is_told_and_writes_are_done_however_many_read() -> None:
    async with holding() as held:
        await held.ask(2 * LIMITS.reads)
        for path in ("/health/live", "/health/ready"):
            assert (await held.api.http.get(path)).status_code == 200
        await held.api.create()
        await held.statuses()


async def test_refused_requests_are_counted_one_by_one_and_logged_together() -> None:
    counted: list[tuple[str, str, int]] = []
    shed = ShedRequests(lambda method, route, status, _: counted.append((method, route, status)), seconds=0)
    with capture_logs() as lines:
        for _ in range(2):
            for _ in range(3):
                shed.count("GET")
            assert not lines
            await until(lambda: lines)
            assert [(line["event"], line["count"]) for line in lines] == [("requests turned away", 3)]
            lines.clear()
    assert counted == [("GET", "turned away", 503)] * 6


async def test_refused_requests_are_logged_before_the_application_ends() -> None:
    with capture_logs() as lines:
        async with holding() as held:
            await held.ask(LIMITS.reads + 2)
            await held.statuses()
        assert sum(line["count"] for line in lines if line["event"] == "requests turned away") == 2


async def test_pages_of_listed_origins_may_read_that_they_are_turned_away() -> None:
    origin = {"Origin": "https://shop.test"}
    async with holding(CORS_ORIGINS=origin["Origin"]) as held:
        await held.ask(LIMITS.reads)
        answer = await held.api.http.get("/products", headers=origin)
        problem_of(answer, 503, "overloaded")
        assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
        await held.statuses()


async def test_whatever_ends_a_request_gives_its_place_back() -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError

    async def never(*_: object) -> None:
        raise AssertionError

    places = {Kind.READ: BoundedQueue(at_once=1, waiting=0)}
    shed = ShedRequests(lambda *_: None)
    framed = RequestFrame(crash, never, places=places, shared={}, seconds=10, count=lambda *_: None, shed=shed)
    scope: Any = {"type": "http", "method": "GET", "path": "/products", "query_string": b""}
    scope |= {"headers": [(b"host", b"here")]}
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await framed(dict(scope), crash, crash)  # type: ignore[arg-type]


async def test_a_request_that_waits_for_a_place_when_the_server_stops_is_told_so() -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    places = {Kind.WRITE: BoundedQueue(at_once=1, waiting=1, patience=60)}
    shed = ShedRequests(lambda *_: None)
    framed = RequestFrame(
        never, answer_overloaded, places=places, shared={}, seconds=10, count=lambda *_: None, shed=shed
    )
    scope: Any = {"type": "http", "method": "DELETE", "path": "/products", "query_string": b""}
    async with places[Kind.WRITE]:
        waiting = asyncio.create_task(framed(scope | {"headers": [(b"host", b"here")]}, never, send))  # type: ignore[arg-type]
        await let_others_run()
        assert not answers
        waiting.cancel()  # as uvicorn does
        await waiting
    assert [answer.get("status") for answer in answers] == [503, None]
    assert places[Kind.WRITE].present == 0


async def test_writes_have_places_of_their_own_and_wait_in_a_bounded_queue() -> None:
    outside, released = Outside(limits=UNHURRIED), asyncio.Event()
    begun = 0

    @asynccontextmanager
    async def begin() -> AsyncIterator[UnitOfWork]:
        nonlocal begun
        begun += 1
        await released.wait()
        async with outside.storage.begin() as work:
            yield work

    outside.begin = begin
    async with serving(outside) as api:
        held = Held(api, released)
        all_told = LIMITS.writes + LIMITS.writes_waiting
        await held.ask(all_told, "DELETE", f"/products/{MISSING}")
        assert begun == LIMITS.writes
        problem_of(await api.http.delete(f"/products/{MISSING}"), 503, "overloaded")
        assert (await api.http.get("/products")).status_code == 200
        assert await held.statuses() == [404] * all_told
        assert (await api.http.delete(f"/products/{MISSING}")).status_code == 404


@pytest.mark.parametrize("path", ["/login", "/login/", "//login", "/admin//login", "/admin/login", "/preferences"])
async def test_who_is_slow_to_log_in_keeps_nobody_from_writing_or_logging_in(path: str) -> None:
    async def stuck_body() -> AsyncIterator[bytes]:
        yield b'{"username": '
        await asyncio.get_running_loop().create_future()

    async with serving(Outside()) as api, client_of(api.app, "192.0.2.66") as attacker:
        kind = {
            "Content-Type": "application/json" if path.strip("/") == "login" else "application/x-www-form-urlencoded"
        }
        slow = [
            asyncio.create_task(attacker.post(f"http://aggregator.test{path}", content=stuck_body(), headers=kind))
            for _ in range(400)
        ]
        await let_others_run()
        assert sum(not each.done() for each in slow) == LIMITS.forms.each
        problem_of(await attacker.post(f"http://aggregator.test{path}", json={}), 503, "overloaded")
        assert (await api.log_in()).status_code == 200
        await api.create()
        for each in slow:
            each.cancel()
        await asyncio.wait(slow)
        assert (await attacker.post("/login", json={})).status_code == 422


@pytest.mark.parametrize("path", ["/products", f"/products/{MISSING}/price-change"])
async def test_who_is_slow_to_read_the_answer_keeps_nobody_out(path: str) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: object) -> None:
        await asyncio.get_running_loop().create_future()

    async with serving(Outside()) as api:
        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
        scope |= {
            "headers": [(b"host", b"here")],
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
        }
        scope |= {"server": ("aggregator.test", 80), "client": ("127.0.0.1", 1)}
        slow = []
        for _ in range(2 * LIMITS.reads):
            slow.append(asyncio.create_task(api.app(dict(scope), receive, send)))  # type: ignore[arg-type]
            await let_others_run()
        assert (await api.http.get(path)).status_code in (200, 404)
        for each in slow:
            each.cancel()
        await asyncio.wait(slow)
        assert (await api.http.get(path)).status_code in (200, 404)


async def test_costly_reads_take_turns_and_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    released, going_on = asyncio.Event(), 0

    async def life(*_: object) -> None:
        nonlocal going_on
        going_on += 1
        await released.wait()
        raise ProductNotFound(MISSING)

    monkeypatch.setattr(InMemoryOfferPriceReader, "life", life)
    path = f"/products/{MISSING}/offers/{MISSING}"
    async with serving(Outside()) as api:
        held = Held(api, released)
        costly = LIMITS.costly_reads
        await held.ask(costly.each + costly.waiting, "GET", path)
        assert going_on == costly.each
        answer = await api.http.get(path)
        problem_of(answer, 503, "overloaded")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await api.http.get("/products")).status_code == 200
        async with client_of(api.app, "192.0.2.1") as other:
            held.asked += [asyncio.create_task(other.get(path)) for _ in range(2)]
            await let_others_run()
            # One has a place, the other has taken that of the newest request of the address that waits most.
            assert going_on == costly.at_once
            assert sorted(await held.statuses()) == [404] * (costly.each + costly.waiting + 1) + [503]
        assert (await api.http.get(path)).status_code == 404


@dataclass(frozen=True)
class HeldSearches(InMemoryCatalogueReader):
    released: asyncio.Event = field(default_factory=asyncio.Event)
    going_on: list[str] = field(default_factory=list)

    async def products(self, *arguments: Any, **named: Any) -> ProductSlice:
        if (arguments + tuple(named.values()))[3].words:
            self.going_on.append("search")
            await self.released.wait()
        return await super().products(*arguments, **named)


@pytest.mark.parametrize(
    "path", ["/products?q=a", "/products?limit=5&q=a", "/products/?q=a", "/products?%71=a", "/?q=a"]
)
async def test_searches_share_places_of_their_own(path: str) -> None:
    outside, searches = Outside(), LIMITS.searches
    reader = HeldSearches(outside.storage, INTERVAL, SOLD_OUT_KEPT)
    outside.reader = reader
    async with serving(outside) as api, client_of(api.app, "2001:db8::1") as other:
        held = Held(api, reader.released)
        await held.ask(searches.each + searches.waiting, "GET", path)
        assert len(reader.going_on) == searches.each
        assert (await api.http.get(path)).status_code == 503
        for free in ("/products", f"/products/{MISSING}", "/products?q=", "/health/ready"):
            assert (await api.http.get(free)).status_code != 503
        held.asked += [asyncio.create_task(other.get(path)) for _ in range(2)]
        await let_others_run()
        assert len(reader.going_on) == searches.at_once
        assert sorted(await held.statuses()) == [200] * (searches.each + searches.waiting + 1) + [503]
        assert (await api.http.get(path)).status_code == 200


async def test_all_insight_takes_turns_together(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()

    async def life(*_: object) -> None:
        await released.wait()
        raise ProductNotFound(MISSING)

    monkeypatch.setattr(InMemoryOfferPriceReader, "life", life)
    async with serving(Outside()) as api:
        held = Held(api, released)
        costly = LIMITS.costly_reads
        await held.ask(costly.each + costly.waiting, "GET", f"/products/{MISSING}/offers/{MISSING}")
        for what in ("price-history", "price-change", "price-statistics"):
            problem_of(await api.http.get(f"/products/{MISSING}/{what}"), 503, "overloaded")
        await held.statuses()
