"""The frame around every request: a place, an id, a time limit, and at the end a log line and a count.

It is one layer and not four, because every wrapper of `send` costs as much as the work that it does
(docs/performance.md lists the layers).
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from application.bounded_queue import BoundedQueue
from entrypoints.http.middleware.load_shedding import ALWAYS_SERVED, Kind, ShedRequests, kind_of

log = structlog.get_logger(__name__)

SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Count = Callable[[str, str, int, float], None]
"""Called with the method, route, status and seconds of each request; the status is 0 if no answer began."""


class RequestFrame:
    """ASGI application around another. `overloaded` answers the requests that find no place or take too long."""

    def __init__(
        self,
        app: ASGIApp,
        overloaded: ASGIApp,
        *,
        places: Mapping[Kind, BoundedQueue],
        seconds: float,
        count: Count,
    ) -> None:
        self._app = app
        self._overloaded = overloaded
        self._places = places
        self._seconds = seconds
        self._count = count
        self._shed = ShedRequests(count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["path"] in ALWAYS_SERVED:
            await self._serve(scope, receive, _Answer(send, request_id, None))
            return
        places = self._places[kind_of(scope)]
        if places.full:
            self._shed.count(scope["method"])
            await self._overloaded(scope, receive, _Answer(send, request_id, None).send)
            return
        await places.enter()
        answer = _Answer(send, request_id, places)
        try:
            await self._serve(scope, receive, answer)
        finally:
            answer.leave_place()

    async def _serve(self, scope: HTTPScope, receive: Receive, answer: "_Answer") -> None:
        # Not the event loop's clock, which uvloop reads once for everything that it does in a turn.
        began = time.perf_counter()
        # Every request runs in a task of its own, so its context ends with it.
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        answer.limit = limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                await self._app(scope, receive, answer.send)
        except (TimeoutError, asyncio.CancelledError):
            # uvicorn cancels when it stops. Unanswered requests may be sent again, so they are told to.
            if answer.status:
                raise
            answer.limit = None
            await self._overloaded(scope, receive, answer.send)
        finally:
            seconds = time.perf_counter() - began
            method, route = scope["method"], scope.get("path_template") or "unknown"
            self._count(method, route, answer.status, seconds)
            log.info("request", method=method, route=route, status=answer.status, milliseconds=round(seconds * 1000, 1))


class _Answer:
    """The way back to the client. From its beginning on, an answer holds no place and has no time limit.

    The work is done then, and a client that reads slowly must not hold up others.
    """

    __slots__ = ("_places", "_send", "limit", "request_id", "status")

    def __init__(self, send: Send, request_id: str, places: BoundedQueue | None) -> None:
        self._send = send
        self._places = places
        self.request_id = request_id
        self.limit: asyncio.Timeout | None = None
        self.status = 0
        """0 until the answer begins."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            self.leave_place()
            if self.limit is not None and not self.limit.expired():
                self.limit.reschedule(None)
        await self._send(message)

    def leave_place(self) -> None:
        if self._places is not None:
            self._places.leave()
            self._places = None


def _request_id(scope: HTTPScope) -> str:
    """Return the client's X-Request-Id if it is sane, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_ID.fullmatch(value):
            return value.decode()
    return str(uuid4())
