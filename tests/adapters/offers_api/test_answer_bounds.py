"""Answers without end: each part of an answer is bounded, and what exceeds its bound is refused as malformed."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from uuid import UUID

import httpx
import pytest

from adapters.offers_api.answer_body import read_body
from adapters.offers_api.limits import HttpLimits
from adapters.outgoing_http.transport import TRANSPORT_ERRORS, call_failure, pooled_transport
from application.synchronisation.offers_gateway import AnswerRefused
from application.synchronisation.upstream_calls import NoAnswer
from domain.offer import ObservedOffers
from upstream.clients import issuer_of
from upstream.servers import Answer, gateway_to, listening
from waiting import PATIENCE, until

PRODUCT = UUID(int=1)
MIB = 2**20
PATIENT = HttpLimits(connect=30, read=30, call=60)

STATUS = b"HTTP/1.1 200 OK\r\n"
CHUNKED = STATUS + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = STATUS + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
GOOD = STATUS + b"Content-Length: 2\r\n\r\n[]"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def sending(beginning: bytes, for_ever: bytes = b"") -> Answer:
    """Answer with these bytes, the second ones until the caller hangs up."""

    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while for_ever and not writer.is_closing():
            writer.write(for_ever)
            await writer.drain()

    return answer


@contextmanager
def at_most(mebibytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * MIB


FLOODS = {
    "interim answers": (b"", CONTINUE * 1_000),
    "early hints": (b"", HINTS * 1_000),
    "reason": (b"HTTP/1.1 200 ", b"x" * 10_000),
    "headers": (STATUS, b"X: 1\r\n" * 1_000),
    "one header": (STATUS + b"X: ", b"x" * 10_000),
    "headers of an interim answer": (b"HTTP/1.1 100 Continue\r\n", b"X: 1\r\n" * 1_000),
    "chunk extension": (CHUNKED + b"2;", b"x" * 10_000),
    "trailers": (CHUNKED + chunk(b"[]") + b"0\r\n", b"X: 1\r\n" * 1_000),
    "one trailer": (CHUNKED + chunk(b"[]") + b"0\r\nX: ", b"x" * 10_000),
    "empty gzip members": (GZIPPED, chunk(gzip.compress(b"") * 100)),
    "padding behind gzip": (GZIPPED, chunk(gzip.compress(b"[]") + bytes(10_000))),
    "tiny chunks": (CHUNKED, chunk(b" ") * 1_000),
}


@pytest.mark.parametrize(("beginning", "for_ever"), FLOODS.values(), ids=FLOODS)
async def test_an_answer_without_end_is_refused_as_malformed(beginning: bytes, for_ever: bytes) -> None:
    async with (
        listening(sending(beginning, for_ever)) as port,
        gateway_to(f"http://127.0.0.1:{port}", limits=PATIENT) as gateway,
    ):
        with at_most(8), pytest.raises(AnswerRefused):
            await gateway.offers_of(PRODUCT)


async def test_a_flood_in_the_answer_to_the_request_for_a_token_is_refused() -> None:
    async with listening(sending(b"", CONTINUE * 1_000)) as port:
        issuer = issuer_of(f"http://127.0.0.1:{port}", "refresh-token", limits=PATIENT)
        with at_most(8), pytest.raises(AnswerRefused):
            await issuer()
        await issuer.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        CONTINUE + GOOD,
        CONTINUE * 3 + HINTS + GOOD,
        STATUS + b"".join(b"X-%d: 1\r\n" % number for number in range(1_000)) + b"Content-Length: 2\r\n\r\n[]",
        STATUS + b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\n[]",
        CHUNKED + chunk(b"[") + chunk(b"]") + b"0\r\nX-Sum: 1\r\n\r\n",
        CHUNKED + b"2;name=value\r\n[]\r\n0\r\n\r\n",
        STATUS + b"Content-Length: 1000000\r\n\r\n[" + b" " * 999_998 + b"]",
    ],
    ids=count(),
)
async def test_what_is_within_the_bounds_is_read_from_one_connection_again_and_again(sent: bytes) -> None:
    connections: set[object] = set()

    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        writer.write(sent)

    async with (
        listening(answer) as port,
        gateway_to(f"http://127.0.0.1:{port}", limits=PATIENT, concurrency=1) as gateway,
    ):
        for _ in range(3):
            assert await gateway.offers_of(PRODUCT) == ObservedOffers({})
    assert len(connections) == 1


@pytest.mark.parametrize("garbage", [b"zz\r\n", b"0\r\n\x01bad\r\n\r\n", b"-1\r\n\r\n"])
async def test_a_body_that_turns_malformed_is_not_waited_for(garbage: bytes) -> None:
    head_read = asyncio.Event()

    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(b"[]"))
        await head_read.wait()
        writer.write(garbage)

    transport = pooled_transport(connections=1, idle_seconds=1, head=PATIENT.head, sent=PATIENT.sent)
    async with listening(answer) as port:
        response = await transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}"))
        head_read.set()
        with pytest.raises(TRANSPORT_ERRORS) as error:
            async with asyncio.timeout(PATIENCE):
                await read_body(response, MIB)
        await response.aclose()
    await transport.aclose()
    assert call_failure(error.value)[0] is NoAnswer.MALFORMED


async def test_an_answer_that_nothing_asked_for_is_not_given_to_the_next_request() -> None:
    answered, closed = asyncio.Event(), asyncio.Event()
    stale = b'[{"id": "%032x", "price": 1, "items_in_stock": 1}]' % 7

    async def answer(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GOOD)
        if not answered.is_set():
            await answered.wait()
            writer.write(STATUS + b"Content-Length: %d\r\n\r\n" % len(stale) + stale)
            with suppress(OSError):
                await reader.read()
            closed.set()

    async with (
        listening(answer) as port,
        gateway_to(f"http://127.0.0.1:{port}", limits=replace(PATIENT, idle=60), concurrency=1) as gateway,
    ):
        assert await gateway.offers_of(PRODUCT) == ObservedOffers({})
        answered.set()
        await until(closed.is_set)
        assert await gateway.offers_of(PRODUCT) == ObservedOffers({})
