"""Server-sent events: few limits but a place, ended with their client, when it does not keep up, or with the process.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from litestar import Request
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from application.events.read_events import Followed
from entrypoints.http.auth.client_address import listener_of
from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.events.responses import EVENT_STREAM
from entrypoints.http.exports.streaming import Outcome, until_left
from entrypoints.http.request_state import HEAD_ONLY, OUTCOME
from entrypoints.http.route_declarations import Place

log = structlog.get_logger(__name__)

RETRY = b"retry: 3000\n"
"""Milliseconds after which a client that was cut connects again."""
# Proxies such as nginx would collect the stream before they pass it on.
_UNBUFFERED = {"X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class StreamPlaces:
    """The places of streams, which addresses share, and their limit in seconds."""

    place: Callable[[str], Place]
    """Gives a listener its place."""
    stalled: float
    """For the client to take what was sent."""
    count: Callable[[str], None]
    """Called with the outcome of each stream that has begun."""


class EventStream(ASGIResponse):
    """An answer that does not end by itself.

    Raises:
        QueueFull: there is no place.
        Whatever the first of the events raises: the answer begins after that.
    """

    _should_set_content_length = False

    def __init__(
        self, request: Request[Any, Any, Any], streams: StreamPlaces, followed: AsyncGenerator[Followed, None]
    ) -> None:
        self._listener = listener_of(request.scope)
        self._streams = streams
        self._followed = followed
        self._begun = False
        super().__init__(headers=NO_STORE | _UNBUFFERED, media_type=EVENT_STREAM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves, does not keep up, or the process stops."""
        if scope["state"].get(HEAD_ONLY):
            await super().__call__(scope, receive, send)
            return
        async with self._streams.place(self._listener):
            outcome = Outcome.STOPPED
            sending = asyncio.create_task(self._send_all(send))
            leaving = asyncio.create_task(until_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
                outcome = self._outcome(sending)
            finally:
                sending.cancel()
                leaving.cancel()
                await asyncio.wait((sending, leaving))
                scope["state"][OUTCOME] = outcome.value
                if self._begun:
                    self._streams.count(outcome.value)

    def _outcome(self, sending: "asyncio.Task[None]") -> Outcome:
        if not sending.done():
            return Outcome.CLIENT_LEFT
        error = sending.exception()
        if error is None:
            return Outcome.COMPLETE
        if not self._begun:
            raise error
        if isinstance(error, TimeoutError):
            return Outcome.TOO_SLOW
        log.error("stream broken off", stream="events", exc_info=error)
        return Outcome.FAILED

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._followed) as followed:
            first = await anext(followed)
            self._begun = True
            await self.start_response(send)
            await self._pass_on(send, RETRY + _id(first))
            async for part in followed:
                await self._pass_on(send, _render(part))
        await self._pass_on(send, b"", more=False)

    async def _pass_on(self, send: Send, part: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._streams.stalled):
            await send({"type": "http.response.body", "body": part, "more_body": more})


def _id(part: Followed) -> bytes:
    return b"id: %b\n\n" % part.position.cursor.encode()


def _render(part: Followed) -> bytes:
    if part.reset:
        cursor = part.position.cursor.encode()
        return b'id: %b\nevent: reset\ndata: {"oldest":"%b"}\n\n' % (cursor, cursor)
    if not part.events:
        # A comment, and how far the log was searched: a quiet client need not have it searched again.
        return b":\n" + _id(part)
    return b"".join(
        b"id: %b\nevent: %b\ndata: %b\n\n" % (each.position.cursor.encode(), each.type.value.encode(), each.json)
        for each in part.events
    )
