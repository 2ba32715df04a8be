"""The sender against receivers that misbehave, over real sockets."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook

from adapters.outgoing_http.transport import pooled_transport
from adapters.webhooks.limits import SendingLimits
from adapters.webhooks.resolver import CheckedResolver, Lookup, look_up
from adapters.webhooks.sender import HttpxWebhookSender
from application.webhooks.attempts import ReceiverAnswer
from application.webhooks.ports import Message
from application.webhooks.secrets import new_secret
from application.webhooks.targets import TargetPolicy
from waiting import let_time_pass, until
from webhooks.receiver import Receiver, receiving

ANYWHERE = TargetPolicy(allow_private=True, allow_http=True)
PUBLIC = TargetPolicy(allow_private=False, allow_http=True)
SECRETS = (new_secret(), new_secret())
LIMITS = SendingLimits(call=3600)
"""Limits that no machine is too slow for."""
PUBLIC_ADDRESS = "93.184.215.14"


def message(url: str, body: bytes = b'{"n": "\xc5\xbe"}') -> Message:
    return Message(url, "1-2-3", body, datetime.now(UTC), SECRETS)


class WatchedBody(httpx.AsyncByteStream):
    """The body of an answer, of which a test knows what the sender has taken when it waits for more."""

    def __init__(self) -> None:
        self.stream = httpx.AsyncByteStream()
        self.taken = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.stream:
            yield piece
            self.taken += piece

    async def aclose(self) -> None:
        await self.stream.aclose()


class Watched(httpx.AsyncBaseTransport):
    """A transport whose only answer has a watched body."""

    def __init__(self, transport: httpx.AsyncBaseTransport, body: WatchedBody) -> None:
        self._transport = transport
        self._body = body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._body.stream, response.stream = response.stream, self._body
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


@asynccontextmanager
async def sending(
    policy: TargetPolicy = ANYWHERE, lookup: Lookup = look_up, body: "WatchedBody | None" = None
) -> AsyncIterator[HttpxWebhookSender]:
    transport = pooled_transport(
        connections=8,
        idle_seconds=LIMITS.idle,
        head=LIMITS.head,
        sent=LIMITS.sent,
        make_resolver=lambda: CheckedResolver(policy, 8, lookup),
    )
    sender = HttpxWebhookSender(Watched(transport, body) if body else transport, policy, LIMITS)
    yield sender
    await sender.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_the_published_library_verifies_both_signatures(receiver: Receiver) -> None:
    async with sending() as send:
        sent = message(receiver.url)
        assert await send(sent) == ReceiverAnswer(200, None, "ok")
    (got,) = receiver.received
    assert got.line == "POST /hook HTTP/1.1"
    assert (got.body, got.headers["content-type"]) == (sent.body, "application/cloudevents+json")
    assert (got.headers["webhook-id"], len(got.headers["webhook-signature"].split())) == ("1-2-3", 2)
    for secret in SECRETS:
        assert Webhook(secret).verify(got.body, got.headers) == {"n": "ž"}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
async def test_the_time_is_signed_in_utc(receiver: Receiver, zone: str) -> None:
    at = datetime.now(ZoneInfo(zone))
    async with sending() as send:
        await send(replace(message(receiver.url), at=at))
    (got,) = receiver.received
    assert got.headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert Webhook(SECRETS[0]).verify(got.body, got.headers)


async def test_fault_36_a_redirect_is_a_failure_and_not_followed(receiver: Receiver) -> None:
    receiver.answer = f"HTTP/1.1 307 Elsewhere\r\nLocation: {receiver.url}2\r\nContent-Length: 0\r\n\r\n".encode()
    async with sending() as send:
        assert await send(message(receiver.url)) == ReceiverAnswer(307, "HTTP 307", "")
    assert len(receiver.received) == 1


async def test_fault_35_a_slow_receiver_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.answer = None
    async with sending() as send:
        answer = asyncio.create_task(send(message(receiver.url)))
        await until(lambda: receiver.received)
        let_time_pass(monkeypatch, LIMITS.call)
        assert await answer == ReceiverAnswer(None, "timeout")


async def test_fault_39_an_endless_body_is_read_in_part_and_not_waited_for(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 200_000
    async with sending() as send:
        assert await send(message(receiver.url)) == ReceiverAnswer(200, None, "a" * 500)


async def test_fault_39_a_body_that_trickles_does_not_undo_its_status(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer = b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\nfirst"
    body = WatchedBody()
    async with sending(body=body) as send:
        answer = asyncio.create_task(send(message(receiver.url)))
        await until(lambda: body.taken == b"first")
        let_time_pass(monkeypatch, LIMITS.call)
        assert await answer == ReceiverAnswer(201, None, "first")


async def test_fault_39_a_head_without_end_is_refused(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000
    async with sending() as send:
        answer = await send(message(receiver.url))
    assert (answer.status, answer.error) == (None, "the answer is larger than allowed")


async def test_fault_40_a_reset_is_a_failure_and_the_event_is_sent_once(receiver: Receiver) -> None:
    receiver.answer = None
    receiver.then = lambda writer: writer.transport.abort()
    async with sending() as send:
        assert await send(message(receiver.url)) == ReceiverAnswer(None, "connection failed")
    assert len(receiver.received) == 1


async def test_nobody_listens() -> None:
    async with receiving() as gone:
        pass
    async with sending() as send:
        assert await send(message(gone.url)) == ReceiverAnswer(None, "connection failed")


async def test_what_is_kept_of_an_answer_can_be_stored(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 400 Bad\r\nContent-Length: 6\r\n\r\n\x00a\xff\xed\xa0\x80"
    async with sending() as send:
        answer = await send(message(receiver.url))
    assert "\0" not in answer.text
    assert answer.text.encode().decode().startswith("a")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("120", 120.0),
        ("Sat, 14 Mar 2026 12:00:00 GMT", datetime(2026, 3, 14, 12, tzinfo=UTC)),
        ("soon", None),
        ("-1", None),
        ("9" * 500, 999_999_999.0),
    ],
)
async def test_retry_after_is_read_in_both_forms(receiver: Receiver, given: str, read: Any) -> None:
    receiver.answer = f"HTTP/1.1 429 Slow down\r\nRetry-After: {given}\r\nContent-Length: 0\r\n\r\n".encode()
    async with sending() as send:
        assert (await send(message(receiver.url))).retry_after == read


class Names:
    """Leads each look-up of a name to the next address, and any connection to this machine."""

    def __init__(self, *addresses: str) -> None:
        self.left = list(addresses)

    def __call__(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[tuple[Any, ...]]:
        address = self.left.pop(0)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]


async def test_fault_41_a_name_that_leads_to_a_private_address_at_the_second_look_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first connection fails, as nobody listens there; the second name is looked up anew, and refused."""
    tried = list[str]()

    async def refuse(_: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", refuse)
    names = Names(PUBLIC_ADDRESS, "127.0.0.1")
    url = f"http://receiver.test:{receiver.port}/"
    async with sending(PUBLIC, names) as send:
        assert await send(message(url)) == ReceiverAnswer(None, "connection failed")
        # aiohttp remembers names for a while: it is the checked address that it remembers.
        assert await send(message(url)) == ReceiverAnswer(None, "connection failed")
        other = f"http://other.test:{receiver.port}/"
        refused = await send(message(other))
    assert refused == ReceiverAnswer(None, "The host leads to a loopback address, where webhooks may not call.")
    assert tried == [PUBLIC_ADDRESS] * 2
    assert receiver.received == []


async def test_one_refused_address_refuses_the_name(receiver: Receiver) -> None:
    def both(host: str, port: int, family: socket.AddressFamily) -> Sequence[tuple[Any, ...]]:
        return [*Names(PUBLIC_ADDRESS)(host, port, family), *Names("::ffff:10.0.0.1")(host, port, family)]

    async with sending(PUBLIC, lookup=both) as send:
        refused = await send(message(f"http://receiver.test:{receiver.port}/"))
    assert refused.error == "The host leads to a private address, where webhooks may not call."


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "10.0.0.1"])
async def test_literals_are_refused_when_they_are_called(receiver: Receiver, host: str) -> None:
    async with sending(PUBLIC) as send:
        answer = await send(message(f"http://{host}:{receiver.port}/"))
    assert answer.error is not None
    assert answer.error.startswith("The host leads to a ")
    assert receiver.received == []


async def test_slow_name_servers_of_one_receiver_hold_up_no_other(receiver: Receiver) -> None:
    over, waiting = threading.Event(), list[str]()

    def lookup(host: str, port: int, family: socket.AddressFamily) -> Sequence[tuple[Any, ...]]:
        if host == "slow.test":
            waiting.append(host)
            over.wait()
        return Names("127.0.0.1")(host, port, family)

    async with sending(lookup=lookup) as send:
        slow = [asyncio.create_task(send(message(f"http://slow.test:{receiver.port}/{n}"))) for n in range(4)]
        await until(lambda: waiting)
        assert (await send(message(f"http://fast.test:{receiver.port}/"))).status == 200
        assert not any(each.done() for each in slow)
        over.set()
        assert {(await each).status for each in slow} == {200}


async def test_a_production_url_must_be_https(receiver: Receiver) -> None:
    async with sending(TargetPolicy(allow_private=True, allow_http=False)) as send:
        assert await send(message(receiver.url)) == ReceiverAnswer(None, "The URL must be https.")
    assert receiver.received == []
