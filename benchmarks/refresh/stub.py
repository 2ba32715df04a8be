"""An Offers service on a bare protocol, so that it is not what is measured: it answers 20 ms late, for little CPU.

It counts the calls for every product, so that one can tell whether a cycle asked for each exactly once.
"""

import argparse
import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections import deque
from typing import cast

import uvloop

UPSTREAM_SECONDS = 0.020
OFFERS = 8
TOKEN_SECONDS = 900

_PRODUCTS = b"GET /api/v1/products/"
_ID = slice(len(_PRODUCTS), len(_PRODUCTS) + 36)
_END = b"\r\n\r\n"
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_OFFER = b'{"id":"%%b%d","price":%%d,"items_in_stock":%d}'
_BODY = b"[" + b",".join(_OFFER % (number, 10 + number) for number in range(OFFERS)) + b"]"
_PRICES = range(10_000, 10_000 + OFFERS * 500, 500)
_PHASES = 100


class World:
    """What all connections share: the prices, the counters and the answers that are not due yet."""

    def __init__(self) -> None:
        self.moving = True
        self._phases: dict[bytes, int] = {}
        self._late: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self._loop = asyncio.get_running_loop()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self._calls: dict[bytes, int] = {}
        self._first: float | None = None
        self._cpu = time.process_time()

    def counters(self) -> dict[str, float | None]:
        """What was called for since the last reset; `first` is the monotonic time of the first call."""
        calls = self._calls.values()
        return {
            "calls": sum(calls),
            "products": len(calls),
            "fewest": min(calls, default=0),
            "most": max(calls, default=0),
            "first": self._first,
            "cpu": time.process_time() - self._cpu,
        }

    def offers_of(self, product: bytes) -> bytes:
        """Count the call, move the prices if they move, and build the answer."""
        if self._first is None:
            self._first = time.monotonic()
        self._calls[product] = self._calls.get(product, 0) + 1
        phase = self._phases.get(product, 0)
        if self.moving:
            phase = self._phases[product] = (phase + 1) % _PHASES
        stem = product[:-1]
        body = _BODY % tuple(value for price in _PRICES for value in (stem, price + phase))
        return _HEAD % (b"200 OK", len(body)) + body

    def answer_late(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send the answer when upstream would have it."""
        # All answers are equally late, so one timer for the first of them is enough.
        self._late.append((self._loop.time() + UPSTREAM_SECONDS, transport, answer))
        if len(self._late) == 1:
            self._loop.call_later(UPSTREAM_SECONDS, self._send_due)

    def _send_due(self) -> None:
        now = self._loop.time()
        while self._late and self._late[0][0] <= now:
            _, transport, answer = self._late.popleft()
            transport.write(answer)
        if self._late:
            self._loop.call_later(max(0.001, self._late[0][0] - now), self._send_due)


class Upstream(asyncio.Protocol):
    """One connection; requests come one after another, as HTTP clients send them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what has come in whole."""
        if self._received:
            data = self._received + data
        head, end, body = data.partition(_END)
        if not end or len(body) < _content_length(head):
            self._received = data
            return
        self._received = b""
        if data.startswith(_PRODUCTS):
            self._world.answer_late(self._transport, self._world.offers_of(data[_ID]))
        else:
            method, target = head.split(b" ", 2)[:2]
            self._transport.write(self._answer(method + b" " + target))

    def _answer(self, request: bytes) -> bytes:
        match request:
            case b"POST /api/v1/auth":
                return _created({"access_token": _token()})
            case b"POST /api/v1/products/register":
                return _created({})
            case b"GET /__counters":
                return _json(b"200 OK", self._world.counters())
            case b"POST /__reset":
                self._world.reset()
            case b"POST /__moving/on" | b"POST /__moving/off":
                self._world.moving = request.endswith(b"on")
            case _:
                return _json(b"404 Not Found", {"detail": "unknown"})
        return _json(b"200 OK", {})


def _content_length(head: bytes) -> int:
    if head.startswith(b"GET"):
        return 0
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def _created(content: object) -> bytes:
    return _json(b"201 Created", content)


def _json(status: bytes, content: object) -> bytes:
    body = json.dumps(content).encode()
    return _HEAD % (status, len(body)) + body


def _token() -> str:
    parts: list[object] = [{"alg": "none"}, {"token": "benchmark", "expires": time.time() + TOKEN_SECONDS}]
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


async def _serve(port: int) -> None:
    world = World()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(world), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("port", type=int)
    uvloop.run(_serve(arguments.parse_args().port))
