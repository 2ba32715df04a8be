"""Server-sent events. A stream ends with its client, when the client does not keep up, or with the process.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from litestar import Request
from litestar.types import Send

from application.events.read_events import Followed
from domain.event import PUBLIC_EVENTS
from entrypoints.http.events.responses import EVENT_STREAM
from entrypoints.http.route_declarations import Place
from entrypoints.http.streaming import Streaming

RETRY = b"retry: 3000\n"
"""Milliseconds after which a client that was cut connects again."""
# Proxies such as nginx would collect the stream before they pass it on.
_UNBUFFERED = {"X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class StreamPlaces:
    """The places of streams, which addresses share, and their limit in seconds."""

    place: Callable[[Request[Any, Any, Any]], Place]
    """Gives a request its caller's place."""
    stalled: float
    """For the client to take the sent bytes."""
    count: Callable[[str], None]
    """Called with the outcome of each stream that has begun."""


class EventStream(Streaming):
    """Events until the client leaves or does not keep up, or the process stops.

    `may_go_on` is asked before events that are not for all: without an answer of true the stream ends.
    """

    def __init__(
        self,
        request: Request[Any, Any, Any],
        streams: StreamPlaces,
        followed: AsyncGenerator[Followed, None],
        may_go_on: Callable[[], Awaitable[bool]],
    ) -> None:
        self._followed = followed
        self._may_go_on = may_go_on
        super().__init__(
            partial(streams.place, request),
            streams.count,
            name="events",
            pause=streams.stalled,
            media_type=EVENT_STREAM,
            headers=_UNBUFFERED,
        )

    async def _send_parts(self, send: Send) -> None:
        async with aclosing(self._followed) as followed:
            first = await anext(followed)
            await self._begin(send)
            await self._pass_on(send, RETRY + _id(first))
            async for part in followed:
                if any(each.type not in PUBLIC_EVENTS for each in part.events) and not await self._may_go_on():
                    return
                await self._pass_on(send, _render(part))


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
