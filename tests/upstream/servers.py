"""Upstreams of all kinds, and gateways to them that have a token."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from adapters.offers_api.gateway import HttpxOffersGateway
from adapters.offers_api.limits import HttpLimits
from application.synchronisation.access_token.secret import Secret
from upstream.clients import gateway_of

TOKEN = "eyJ.very-secret.token"
PATIENT = HttpLimits(connect=30, read=30, call=30)

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Writes the answer to the request whose head is given."""


class GivenToken:
    """One token that is always at hand; remembers which were refused."""

    def __init__(self, value: str) -> None:
        self.secret = Secret(value)
        self.refusals: list[Secret] = []

    async def current(self) -> Secret:
        return self.secret

    async def refused(self, token: Secret) -> None:
        self.refusals.append(token)

    def redact(self, text: str) -> str:
        return text.replace(self.secret.reveal(), "…")


@asynccontextmanager
async def gateway_to(
    base_url: str,
    token: GivenToken | None = None,
    limits: HttpLimits = PATIENT,
    concurrency: int = 8,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> AsyncIterator[HttpxOffersGateway]:
    token = token or GivenToken(TOKEN)
    gateway = gateway_of(base_url, token, concurrency=concurrency, limits=limits, ca_file=ca_file, proxy=proxy)
    try:
        yield gateway
    finally:
        await gateway.aclose()


@asynccontextmanager
async def gateway_to_handler(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **kwargs: object
) -> AsyncIterator[HttpxOffersGateway]:
    """A gateway to a server that leaves every request to `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with gateway_to(f"http://127.0.0.1:{runner.addresses[0][1]}", **kwargs) as gateway:  # type: ignore[arg-type]
            yield gateway
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers every request on a connection with bytes of its own; the port is yielded."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await answer(head, reader, writer)
                await writer.drain()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk_with_one = asyncio.create_task(talk(reader, writer))
        talk_with_one.add_done_callback(lambda _: writer.transport.abort())
        talks.add(talk_with_one)

    async with await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls) as server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for each in talks:
                each.cancel()
            await asyncio.gather(*talks, return_exceptions=True)


@asynccontextmanager
async def gateway_to_bytes(sent: bytes | None, **kwargs: object) -> AsyncIterator[HttpxOffersGateway]:
    """A gateway to a server that sends these bytes, or the request back, and hangs up."""

    async def answer(head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head if sent is None else sent)
        writer.close()

    async with (
        listening(answer) as port,
        gateway_to(f"http://127.0.0.1:{port}", **kwargs) as gateway,  # type: ignore[arg-type]
    ):
        yield gateway


def answering(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return handler
