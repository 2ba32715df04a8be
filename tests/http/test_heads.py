"""Heads and trailers are bounded in size and in time, and hanging up is no error."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.metrics.labels import bounded_status
from api_client.api import PASSWORD, USERNAME, Outside
from api_client.server import Served, served
from entrypoints.limits import HeadLimits
from waiting import blocked_threads, let_others_run, until

LIMITS = HeadLimits()
GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"
LOGIN = b'{"username": "%b", "password": "%b"}' % (USERNAME.encode(), PASSWORD.encode())
POST = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(LOGIN), LOGIN)


class HeadTimers:
    """The timers of heads, which end when a test says so: no machine is too slow for it."""

    SECONDS = 86_399.0
    LIMITS = HeadLimits(seconds=SECONDS)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        call_later, self._armed = loop.call_later, list[tuple[asyncio.TimerHandle, Callable[..., object]]]()

        def arm(delay: float, callback: Callable[..., object], *given: Any, **options: Any) -> asyncio.TimerHandle:
            handle = call_later(delay, callback, *given, **options)
            if delay == self.SECONDS:
                self._armed.append((handle, callback))
            return handle

        monkeypatch.setattr(loop, "call_later", arm)

    async def end(self) -> None:
        """Let the time for a head be over on every connection that waits for one; one must."""
        await let_others_run()
        over = [(handle, callback) for handle, callback in self._armed if not handle.cancelled()]
        self._armed.clear()
        assert over
        for handle, callback in over:
            handle.cancel()
            callback()


@asynccontextmanager
async def connected(api: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(api: Served, *sent: bytes) -> bytes:
    """Send one piece after the other, and return what comes until the connection ends."""
    async with connected(api) as (reader, writer):
        with suppress(ConnectionError):
            for each in sent:
                writer.write(each)
                await writer.drain()
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def head_of(size: int) -> bytes:
    """A head of this size, whose request ends the connection."""
    start = GET + b"Connection: close\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def fields(count: int) -> bytes:
    return GET + b"Connection: close\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(count - 2)) + b"\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head_of(LIMITS.size), b"200"),
        (head_of(LIMITS.size + 1), b"400"),
        (fields(LIMITS.fields), b"200"),
        (fields(LIMITS.fields + 1), b"400"),
        (GET + b"X: " + b"x" * 100_000, b"400"),
        (GET + b"X" * 100_000, b"400"),
        (b"GET /" + b"x" * 100_000, b"400"),
        (b"G" * 100_000, b"501"),
        (b"\r\n" * 50_000, b"400"),
    ],
)
async def test_a_head_has_a_bounded_size_and_number_of_fields(request_: bytes, status: bytes) -> None:
    async with served() as api:
        answer = await exchange(api, request_)
        assert answer.split(b" ")[1] in (status, b"400")
        if status == b"200":
            assert answer.split(b" ")[1] == status


async def test_a_second_head_is_bounded_like_the_first() -> None:
    async with served() as api, connected(api) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert b" 200 " in await reader.readuntil(b"}")
        writer.write(b"GET /" + b"x" * 100_000)
        assert b" 400 " in await reader.readuntil(b"}")


async def test_trailers_are_left_out_and_bounded() -> None:
    async with served() as api:
        trailer = b"0\r\nX-Request-Id: trailer\r\n\r\n" + GET + b"Connection: close\r\n\r\n"
        answer = await exchange(api, CHUNKED + trailer)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"trailer" not in answer
        for endless in (b"0\r\nX: " + b"x" * 100_000, b"0\r\n" + b"X: x\r\n" * 20_000, b"5;" + b"x" * 100_000):
            assert await exchange(api, CHUNKED + endless) == b""
        async with api.client() as client:
            assert (await client.get("/health/live")).status_code == 200


async def test_a_body_may_come_in_the_smallest_pieces() -> None:
    async with served() as api:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in LOGIN.ljust(20_000))
        head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await exchange(api, head + chunks + b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"", b"G", GET, GET + b"\r\n" + GET, GET + b"X: x"])
async def test_a_connection_without_a_whole_head_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    timers = HeadTimers(monkeypatch)
    async with served(heads=HeadTimers.LIMITS) as api, connected(api) as (reader, writer):
        writer.write(sent)
        whole = sent.count(b"\r\n\r\n")
        answer = await reader.readuntil(b"}") if whole else b""
        await timers.end()
        answer += await reader.read()
    assert answer.count(b"HTTP/1.1 200") == whole


async def test_a_body_that_trickles_on_behind_the_answer_ends_with_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers = HeadTimers(monkeypatch)
    async with served(heads=HeadTimers.LIMITS) as api, connected(api) as (reader, writer):
        writer.write(POST.replace(b"/login", b"/nope") + b"Content-Length: 1000\r\n\r\n{")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b" ")
        await timers.end()
        await reader.read()


async def test_an_answer_under_way_does_not_end_with_the_head_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = HeadTimers(monkeypatch)
    async with served(Outside(), heads=HeadTimers.LIMITS) as api, connected(api) as (reader, writer):
        with blocked_threads():
            writer.write(POST + b"Content-Length: %d\r\n\r\n%b" % (len(LOGIN), LOGIN) + GET)
            await timers.end()
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        await timers.end()
        assert await reader.read() == b""


@pytest.mark.parametrize("path", [b"/login", b"/admin/login"])
async def test_hanging_up_in_mid_body_is_no_error(path: bytes) -> None:
    async with served() as api:
        with capture_logs() as lines:
            async with connected(api) as (_, writer):
                kind = b"application/x-www-form-urlencoded" if b"admin" in path else b"application/json"
                head = POST.replace(b"/login", path).replace(b"application/json", kind)
                writer.write(head + b"Content-Length: 1000\r\n\r\n{")
                await writer.drain()
            await until(lambda: any(line["event"] == "request" for line in lines))
    (line,) = lines
    assert (line["log_level"], line["status"]) == ("info", 499)
    assert bounded_status(499) == "499"
