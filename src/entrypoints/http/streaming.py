"""Answers that are sent for as long as it takes: few at once, and ended when the client leaves or takes nothing."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from enum import StrEnum

import structlog
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.request_state import HEAD_ONLY, OUTCOME
from entrypoints.http.route_declarations import Place

log = structlog.get_logger(__name__)


class StreamEnd(StrEnum):
    """How a stream ended. Only a complete one ends as HTTP says: a client sees that the others are cut."""

    COMPLETE = "complete"
    CLIENT_LEFT = "client_left"
    TOO_SLOW = "too_slow"
    """The client took no part of it for too long."""
    TOO_LONG = "too_long"
    STOPPED = "stopped"
    """The server stops."""
    FAILED = "failed"


class Streaming(ASGIResponse):
    """An answer of parts. `total` bounds all of it in seconds, and `pause` the time for the client to take one part.

    Raises:
        QueueFull: there is no place.
        Errors from before the first part: the answer begins after that.
    """

    _should_set_content_length = False

    def __init__(
        self,
        place: Callable[[], Place],
        count: Callable[[str], None],
        *,
        name: str,
        pause: float,
        total: float | None = None,
        media_type: str,
        headers: dict[str, str],
    ) -> None:
        """`count` is called with the outcome of an answer that has begun."""
        self._place = place
        self._count = count
        self._name = name
        self._pause = pause
        self._total = total
        self._begun = False
        super().__init__(headers=NO_STORE | headers, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, or a part of it: then it returns without the end, and the server hangs up."""
        if scope["state"].get(HEAD_ONLY):
            await super().__call__(scope, receive, send)
            return
        async with self._place():
            outcome = StreamEnd.STOPPED
            sending = asyncio.create_task(self._send_all(send))
            leaving = asyncio.create_task(_until_left(receive))
            try:
                await asyncio.wait((sending, leaving), timeout=self._total, return_when=asyncio.FIRST_COMPLETED)
                outcome = self._outcome(sending, leaving)
            finally:
                sending.cancel()
                leaving.cancel()
                # A reader of the database ends its statement first, for which it has its own limit.
                await asyncio.wait((sending, leaving))
                scope["state"][OUTCOME] = outcome.value
                if self._begun:
                    self._count(outcome.value)

    @abstractmethod
    async def _send_parts(self, send: Send) -> None:
        """Call `_begin`, and then `_pass_on` with each part."""

    async def _send_all(self, send: Send) -> None:
        await self._send_parts(send)
        await self._pass_on(send, b"", more=False)

    async def _begin(self, send: Send) -> None:
        self._begun = True
        await self.start_response(send)

    async def _pass_on(self, send: Send, part: bytes, *, more: bool = True) -> None:
        if part or not more:
            async with asyncio.timeout(self._pause):
                await send({"type": "http.response.body", "body": part, "more_body": more})

    def _outcome(self, sending: "asyncio.Task[None]", leaving: "asyncio.Task[None]") -> StreamEnd:
        if not sending.done():
            return StreamEnd.CLIENT_LEFT if leaving.done() else StreamEnd.TOO_LONG
        error = sending.exception()
        if error is None:
            return StreamEnd.COMPLETE
        if not self._begun:
            raise error
        # Of the client: the database's time-outs are errors of the port.
        if isinstance(error, TimeoutError):
            return StreamEnd.TOO_SLOW
        log.error("stream broken off", stream=self._name, exc_info=error)
        return StreamEnd.FAILED


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
