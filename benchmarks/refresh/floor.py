"""The floor: the calls of one cycle by bare pooled clients that decode and write nothing, in a process of their own."""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport

from benchmarks.refresh.products import product_ids

CONCURRENCY = 64

Fetch = Callable[[str], Awaitable[object]]


class OneConnection(asyncio.Protocol):
    """Sends the next request when an answer is whole; knows only answers with a Content-Length."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send_next()

    def data_received(self, data: bytes) -> None:
        """Go on when the answer is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) == int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]):
            self._received = b""
            self._send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail unless all is done."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the stub closed the connection"))

    def _send_next(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        else:
            self.done.set_result(None)
            self._transport.close()


async def with_httpx(urls: list[str]) -> None:
    """Call with httpx on the transport that lets it call by aiohttp."""
    transport = AiohttpTransport(trust_env=False)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:

        async def fetch(url: str) -> None:
            (await client.get(url)).raise_for_status()

        await _fetch_all(urls, fetch)


async def with_aiohttp(urls: list[str]) -> None:
    """Call with aiohttp alone."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

        async def fetch(url: str) -> None:
            async with session.get(url, raise_for_status=True) as response:
                await response.read()

        await _fetch_all(urls, fetch)


async def with_protocol(urls: list[str]) -> None:
    """Call with almost nothing: what is left is the cost of the stub."""
    parts = urlsplit(urls[0])
    requests = (f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode() for url in urls)
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: OneConnection(requests), parts.hostname or "", parts.port or 80)
        for _ in range(CONCURRENCY)
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))


async def _fetch_all(urls: list[str], fetch: Fetch) -> None:
    left = iter(urls)

    async def one_after_another() -> None:
        for url in left:
            await fetch(url)

    await asyncio.gather(*(one_after_another() for _ in range(CONCURRENCY)))


CLIENTS = {"httpx-aiohttp": with_httpx, "aiohttp": with_aiohttp, "protocol": with_protocol}


async def _measure(client: str, base_url: str, count: int) -> None:
    urls = [f"{base_url}/products/{id}/offers" for id in product_ids(count)]
    began, cpu = time.monotonic(), time.process_time()
    await CLIENTS[client](urls)
    taken = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, "start_cpu": cpu}
    print(json.dumps(taken))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("client", choices=CLIENTS)
    arguments.add_argument("base_url")
    arguments.add_argument("count", type=int)
    given = arguments.parse_args()
    uvloop.run(_measure(given.client, given.base_url, given.count))
