"""`GET /events/stream` over a real connection: resumed, reset, alive, and ended with slow clients and the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api_client.api import Outside, problem_of
from api_client.server import Served, served
from application.events.event_log import EventFilter, EventPage, EventsExpired, Position
from application.events.feed import FeedTiming
from application.storage import StorageUnavailable
from domain.event import Event, EventType
from entrypoints.limits import RequestLimits, Shares
from factories import some_id
from fakes.event_readers import InMemoryEventReader
from fakes.storage import NOON
from specification.event_schemas import sample_data
from waiting import PATIENCE, let_others_run, let_time_pass, until

PATH = "/events/stream"
QUICK = FeedTiming(pause=0.01, stop_pause=0.01, trouble_pause=0.01)
BIG, REFUSED = "x" * 100_000, EventType.PRODUCT_REJECTED
LIMITS = RequestLimits(event_feed=QUICK)
STALLED = 3600.0
STALLING = replace(LIMITS, event_feed=replace(QUICK, events=20), event_stalled=STALLED)


@dataclass
class Running:
    """A server, its outside, and its log."""

    server: Served
    outside: Outside
    logs: list[Any]

    async def append(self, *names: str, kind: EventType = EventType.PRODUCT_CREATED) -> None:
        async with self.outside.storage.begin() as work:
            await work.events.append(*(Event(kind, some_id(), NOON, sample_data(kind, name)) for name in names))
            await work.commit()

    @property
    def outcomes(self) -> list[str]:
        return [line["outcome"] for line in self.logs if line["event"] == "request" and "outcome" in line]


@asynccontextmanager
async def serving(limits: RequestLimits = LIMITS, outside: Outside | None = None) -> AsyncIterator[Running]:
    outside = outside or Outside()
    outside.limits = limits
    with capture_logs() as logs:
        async with served(outside) as server:
            yield Running(server, outside, logs)


class Reader:
    """Reads server-sent events as a browser does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def message(self) -> dict[str, str]:
        """Return the fields of the next message; a comment has the name ""."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line and fields:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        raise EOFError

    async def name(self) -> str:
        """Return the name in the data of the next message that has some: a comment has none."""
        message = await self.message()
        while "data" not in message:
            message = await self.message()
        data = message["data"].replace('"detail":', '"name":')
        return data.split('"name":"')[1].split('"')[0]

    async def ended(self) -> bool:
        """Return whether the stream has ended as HTTP says, having read the rest of it."""
        try:
            async with asyncio.timeout(PATIENCE):
                async for _ in self._lines:
                    pass
        except httpx.RemoteProtocolError:
            return False
        return True


@asynccontextmanager
async def streaming(api: Running, headers: dict[str, str] | None = None, **query: Any) -> AsyncIterator[Reader]:
    async with api.server.client() as client, client.stream("GET", PATH, params=query, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"].partition(";")[0] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        yield Reader(answer)


async def test_a_stream_begins_now_with_an_id_and_gives_each_event_as_the_pull_does() -> None:
    async with serving() as api:
        await api.append("before")
        async with streaming(api) as stream:
            first = await stream.message()
            assert (first["retry"], "data" in first) == ("3000", False)
            await api.append("one", "two")
            message = await stream.message()
            assert await stream.name() == "two"
        async with api.server.client() as client:
            page = (await client.get("/events", params={"after": first["id"]})).json()
        assert message["id"] == page["items"][0]["id"]
        assert message["event"] == "product.created"
        assert httpx.Response(200, content=message["data"]).json() == page["items"][0]
        await until(lambda: api.outcomes == ["client_left"])


async def test_a_client_goes_on_from_its_last_id_which_counts_before_after() -> None:
    async with serving() as api:
        await api.append("one", "two", "three")
        async with streaming(api, after="0-0-0") as stream:
            await stream.message()
            assert [await stream.name() for _ in range(3)] == ["one", "two", "three"]
        async with api.server.client() as client:
            items = (await client.get("/events")).json()["items"]
        async with streaming(api, {"Last-Event-ID": items[1]["id"]}, after=items[0]["id"]) as stream:
            assert (await stream.message())["id"] == items[1]["id"]
            assert await stream.name() == "three"
            await api.append("four")
            assert await stream.name() == "four"


async def test_only_events_that_pass_the_filter_come() -> None:
    async with serving() as api, streaming(api, type="product.amended") as stream:
        await stream.message()
        await api.append("other")
        await api.append("wanted", kind=EventType.PRODUCT_AMENDED)
        assert await stream.name() == "wanted"


async def test_a_cursor_that_has_expired_is_reset_and_the_stream_goes_on() -> None:
    async with serving() as api:
        await api.append("kept")
        async with streaming(api, after="7-1-1") as stream:
            await stream.message()
            reset = await stream.message()
            assert (reset["event"], reset["data"]) == ("reset", '{"oldest":"0-0-0"}')
            assert await stream.name() == "kept"


async def test_a_quiet_stream_gets_comments_that_say_how_far_it_is() -> None:
    async with serving(replace(LIMITS, event_silence=0.05)) as api, streaming(api, type="product.amended") as stream:
        first = await stream.message()
        await api.append("other")
        message = await stream.message()
        while message["id"] == first["id"]:
            message = await stream.message()
        assert (message[""], "data" in message) == ("", False)


async def test_fault_30_a_client_that_does_not_read_is_disconnected_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(STALLING) as api, streaming(api) as stream:
        await stream.message()
        # Big events fill the buffers on the way to it.
        _, writer = await _slow_client(api.server.port)
        await until(lambda: len(_listeners()) == 2)
        while len(_listeners()) == 2:
            await _append_and_read(api, stream, monkeypatch)
        await until(lambda: api.outcomes == ["too_slow"])
        await api.append("last")
        assert await stream.name() == "last"
        writer.close()


async def test_a_client_that_takes_nothing_for_too_long_is_disconnected() -> None:
    async with serving(replace(LIMITS, event_stalled=0.1, event_silence=0.1)) as api:
        await api.append(*[BIG] * 200, kind=REFUSED)
        _, writer = await _slow_client(api.server.port, b"?after=0-0-0")
        await until(lambda: api.outcomes == ["too_slow"])
        writer.close()


async def _slow_client(port: int, query: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /events/stream" + query + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await writer.drain()
    return reader, writer


async def _append_and_read(api: Running, stream: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Append a big event that this client takes. If another takes nothing then, let the time for it be over.

    This client has taken all that was sent, so nothing is bounded that the server does for it.
    """
    await api.append(BIG, kind=REFUSED)
    assert await stream.name() == BIG
    connections = [each for each in api.server.server.server_state.connections if isinstance(each, HttpToolsProtocol)]
    if any(each.flow.write_paused for each in connections):
        let_time_pass(monkeypatch, STALLED)
        await let_others_run()


def _listeners() -> list[object]:
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return [name for name in names if name == "Streaming._send_all"]


async def test_beyond_the_places_a_stream_is_refused_and_reads_go_on() -> None:
    async with serving(replace(LIMITS, event_streams=Shares(at_once=2, each=2))) as api, AsyncExitStack() as stack:
        # Kept, because a reader that is forgotten hangs up.
        streams = [await stack.enter_async_context(streaming(api)) for _ in range(2)]
        for stream in streams:
            await stream.message()
        async with api.server.client() as client:
            answer = await client.get(PATH)
            problem_of(answer, 503, "overloaded")
            assert (await client.get("/products")).status_code == 200


async def test_fault_31_a_thousand_listeners_of_whom_one_does_not_read_end_when_the_process_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(STALLING) as api, streaming(api) as stream:
        await stream.message()
        head = b"GET /events/stream?type=product.created HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        clients = [await asyncio.open_connection("127.0.0.1", api.server.port) for _ in range(998)]
        for _, writer in clients:
            writer.write(head)
        for reader, _ in clients:
            await reader.readuntil(b"retry: 3000\nid: ")
        _, idle = await _slow_client(api.server.port)
        await until(lambda: len(_listeners()) == 1_000)
        while len(_listeners()) == 1_000:
            await _append_and_read(api, stream, monkeypatch)
        await until(lambda: api.outcomes == ["too_slow"])
        await api.append("to all")
        for reader, _ in clients:
            await reader.readuntil(b'"name":"to all"')
        api.server.server.handle_exit(15, None)
        for reader, writer in clients:
            await reader.readuntil(b"\r\n0\r\n\r\n")
            writer.close()
        idle.close()
        await until(lambda: not _listeners())


async def test_streams_end_whole_when_the_process_stops() -> None:
    async with serving() as api, streaming(api) as stream:
        await stream.message()
        api.server.server.handle_exit(15, None)
        assert await stream.ended()
        await until(lambda: api.outcomes == ["complete"])


async def test_a_stream_of_alerts_ends_with_the_key_that_may_read_them() -> None:
    async with serving() as api, api.server.client() as admin:
        ends = (NOON + timedelta(seconds=0.5)).isoformat()
        body = {"name": "Short", "scopes": ["alerts:read"], "expires_at": ends}
        created = await admin.post("/keys", json=body, headers={"Authorization": api.outside.authorization()})
        headers = {"Authorization": f"Bearer {created.json()['key']}"}
        async with streaming(api, headers, type="alert.firing") as stream, streaming(api, headers) as other:
            await stream.message()
            await other.message()
            await api.append("", kind=EventType.ALERT_FIRING)
            assert (await stream.message())["event"] == (await other.message())["event"] == "alert.firing"
            api.outside.clock.advance(timedelta(seconds=1))
            await api.append("public")
            assert await other.name() == "public"
            ended = asyncio.create_task(stream.ended())
            while not ended.done():
                await api.append("", kind=EventType.ALERT_FIRING)
                await asyncio.sleep(0.02)
            assert ended.result()


async def test_head_has_no_stream() -> None:
    async with serving() as api, api.server.client() as client:
        answer = await client.head(PATH)
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("query", [{"after": "nonsense"}, {"after": "1"}])
async def test_a_cursor_of_something_else_is_a_mismatch(query: dict[str, str]) -> None:
    async with serving() as api, api.server.client() as client:
        problem_of(await client.get(PATH, params=query), 400, "cursor-mismatch")


class Troubled(InMemoryEventReader):
    """Cannot be reached while `away`, and has dropped its events while `expired`."""

    away = False
    expired = False

    async def read(self, after: Position | None, wanted: EventFilter, limit: int) -> EventPage:
        if self.away:
            raise StorageUnavailable("away")
        if self.expired:
            self.expired = False
            raise EventsExpired(Position(0, 0, 0))
        return await super().read(after, wanted, limit)


async def test_a_stream_outlives_a_storage_that_is_away_for_a_while() -> None:
    outside = Outside()
    outside.event_reader = reader = Troubled(outside.storage)
    async with serving(outside=outside) as api, streaming(api) as stream:
        await stream.message()
        reader.away = True
        await api.append("one")
        await asyncio.sleep(0)
        reader.away = False
        assert await stream.name() == "one"


async def test_a_stream_that_has_missed_dropped_events_ends() -> None:
    outside = Outside()
    outside.event_reader = reader = Troubled(outside.storage)
    async with serving(outside=outside) as api, streaming(api) as stream:
        await stream.message()
        await until(lambda: len(_listeners()) == 1)
        reader.expired = True
        assert await stream.ended()
