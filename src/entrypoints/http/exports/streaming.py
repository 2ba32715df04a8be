"""Answers that are streamed for minutes: few at once, ended when the client leaves, and never cut short in silence."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import structlog
from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from entrypoints.http.auth.client_address import client_address, network_of
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.request_state import HEAD_ONLY, OUTCOME
from entrypoints.http.route_declarations import Place

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

GZIP_LEVEL = 3
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


class Outcome(StrEnum):
    """How a stream ended. Only a complete one ends as HTTP says: a client sees that the others are cut."""

    COMPLETE = "complete"
    CLIENT_LEFT = "client_left"
    TOO_SLOW = "too_slow"
    """The client took no part of it for too long."""
    TOO_LONG = "too_long"
    STOPPED = "stopped"
    """The server stops."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Streams:
    """The places of streams, which the addresses of clients share, and their limits in seconds.

    A stream holds a snapshot of the database, which holds up VACUUM.
    """

    place: Callable[[str], Place]
    """Gives an address its place."""
    total: float
    pause: float
    """For the client to take one part, some hundred kilobytes at most."""
    count: Callable[[str, str], None]
    """Called with the name and the outcome of each stream that has begun."""


class StreamedAnswer(ASGIResponse, Generic[Item]):
    """An answer whose items come in batches; `render` writes one, and may take milliseconds.

    Its `file` is the name that clients should save it under.

    Raises:
        QueueFull: there is no place.
        Whatever the first batch raises: the answer begins after that.
    """

    _should_set_content_length = False

    def __init__(
        self,
        request: Request[Any, Any, Any],
        streams: Streams,
        batches: AsyncGenerator[Sequence[Item], None],
        render: Callable[[Sequence[Item]], bytes],
        *,
        file: str,
        media_type: str,
        head: bytes = b"",
    ) -> None:
        self._address = network_of(client_address(request))
        self._streams = streams
        self._batches = batches
        self._render = render
        self._head = head
        self._name = file.partition(".")[0]
        gzip = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        self._gzip = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_FORMAT) if gzip else None
        encoding = {"Content-Encoding": "gzip"} if gzip else {}
        disposition = {"Content-Disposition": f'attachment; filename="{file}"'}
        super().__init__(headers=NO_STORE | disposition | encoding, media_type=media_type)
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or a part of it: then it returns without the end, and the server hangs up."""
        if scope["state"].get(HEAD_ONLY):
            await super().__call__(scope, receive, send)
            return
        async with self._streams.place(self._address):
            outcome = Outcome.STOPPED
            sending = asyncio.create_task(self._send_all(send))
            leaving = asyncio.create_task(until_left(receive))
            try:
                await asyncio.wait((sending, leaving), timeout=self._streams.total, return_when=asyncio.FIRST_COMPLETED)
                outcome = self._outcome(sending, leaving)
            finally:
                sending.cancel()
                leaving.cancel()
                # What reads the database ends its statement first, for which it has its own limit.
                await asyncio.wait((sending, leaving))
                scope["state"][OUTCOME] = outcome.value
                if self._begun:
                    self._streams.count(self._name, outcome.value)

    def _outcome(self, sending: "asyncio.Task[None]", leaving: "asyncio.Task[None]") -> Outcome:
        if not sending.done():
            return Outcome.CLIENT_LEFT if leaving.done() else Outcome.TOO_LONG
        error = sending.exception()
        if error is None:
            return Outcome.COMPLETE
        if not self._begun:
            raise error
        # Of the client: the database's time-outs are errors of the port.
        if isinstance(error, TimeoutError):
            return Outcome.TOO_SLOW
        log.error("stream broken off", stream=self._name, exc_info=error)
        return Outcome.FAILED

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._batches) as batches:
            batch = await anext(batches, None)
            self._begun = True
            await self.start_response(send)
            await self._pass_on(send, await asyncio.to_thread(self._packed, self._head))
            while batch is not None:
                # A thread, because rendering and packing a batch would hold up other requests.
                await self._pass_on(send, await asyncio.to_thread(self._rendered, batch))
                batch = await anext(batches, None)
        await self._pass_on(send, self._gzip.flush() if self._gzip else b"", more=False)

    async def _pass_on(self, send: Send, part: bytes, *, more: bool = True) -> None:
        if part or not more:
            async with asyncio.timeout(self._streams.pause):
                await send({"type": "http.response.body", "body": part, "more_body": more})

    def _rendered(self, batch: Sequence[Item]) -> bytes:
        return self._packed(self._render(batch)) if batch else b""

    def _packed(self, part: bytes) -> bytes:
        if self._gzip is None or not part:
            return part
        # Flushed, so that the client can read each part as it comes.
        return self._gzip.compress(part) + self._gzip.flush(zlib.Z_SYNC_FLUSH)


async def until_left(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for each in accept_encoding.lower().split(","):
        coding, _, weight = each.partition(";")
        try:
            weights[coding.strip()] = float(weight.partition("=")[2] or 1)
        except ValueError:
            weights[coding.strip()] = 0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0))) > 0
