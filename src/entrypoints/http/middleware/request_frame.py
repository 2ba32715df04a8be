"""The frame around every request: a place, an id, a time limit, and at the end a log line and a count.

It is one layer and not four, because every wrapper of `send` costs as much as the work that it does
(docs/performance.md lists the layers).
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from application.bounded_queue import BoundedQueue, QueueFull
from application.fair_queue import FairQueue
from entrypoints.configuration.allowed_hosts import AllowedHosts
from entrypoints.http.auth.client_address import address_of, listener_of, network_of
from entrypoints.http.middleware.load_shedding import ALWAYS_SERVED, Kind, ShedRequests, kind_of
from entrypoints.http.problems.problem_types import PREFIX
from entrypoints.http.problems.refusals import answer_malformed
from entrypoints.http.request_state import HEAD_ONLY, OUTCOME, ROUTE

log = structlog.get_logger(__name__)

UNKNOWN = "unknown"
"""The route under which requests without one are counted."""
QUIET_ROUTES = ALWAYS_SERVED | {"/static/{name}", "/docs/static/{name}", "/favicon.ico"}
"""Probes and pictures, which would hide the other lines of a log."""
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
        shared: Mapping[Kind, FairQueue],
        seconds: float,
        count: Count,
        shed: ShedRequests,
        longer: Mapping[Kind, float] | None = None,
        prefix: str = "",
        allowed: AllowedHosts | None = None,
    ) -> None:
        self._app = app
        self._overloaded = overloaded
        self._places = places
        self._shared = shared
        self._seconds = {kind: seconds + (longer or {}).get(kind, 0) for kind in Kind}
        self._count = count
        self._shed = shed
        self._prefix = prefix
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        # Not the event loop's clock, which uvloop reads once for everything that it does in a turn.
        began = time.perf_counter()
        request_id, hosts, host = _read_head(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state.setdefault(PREFIX, self._prefix)
        app = self._app if hosts == 1 or _may_lack_host(scope, hosts) else answer_malformed
        if scope["path"] in ALWAYS_SERVED:
            # Probes send the address that they are set to.
            await self._serve(app, scope, receive, _Answer(send, request_id, None), began, Kind.READ)
            return
        if self._allowed is not None and hosts and host not in self._allowed:
            app = answer_malformed
        kind = kind_of(scope)
        try:
            if (shared := self._shared.get(kind)) is not None:
                address = (listener_of if kind is Kind.EVENTS else _caller)(scope)
                await shared.enter(address)
                leave: Callable[[], None] = partial(shared.leave, address)
            else:
                places = self._places[kind]
                await places.enter()
                leave = places.leave
        except (QueueFull, asyncio.CancelledError):
            # uvicorn cancels when it stops.
            self._shed.count(scope["method"])
            await self._overloaded(scope, receive, _Answer(send, request_id, None).send)
            return
        answer = _Answer(send, request_id, leave)
        try:
            await self._serve(app, scope, receive, answer, began, kind)
        finally:
            answer.leave_place()

    async def _serve(
        self, app: ASGIApp, scope: HTTPScope, receive: Receive, answer: "_Answer", began: float, kind: Kind
    ) -> None:
        # Every request runs in a task of its own, so its context ends with it.
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        method = scope["method"]
        if method == "HEAD":
            # The application answers as if it were GET (RFC 9110, section 9.3.2), and the server leaves the body out.
            scope = {**scope, "method": "GET"}
            scope["state"][HEAD_ONLY] = True
        answer.limit = limit = asyncio.timeout(self._seconds[kind] - (time.perf_counter() - began))
        try:
            async with limit:
                await app(scope, receive, answer.send)
        except (TimeoutError, asyncio.CancelledError):
            # uvicorn cancels when it stops. An unanswered request may be sent again, and the answer says so.
            if answer.status:
                raise
            answer.limit = None
            await self._overloaded(scope, receive, answer.send)
        finally:
            seconds = time.perf_counter() - began
            route = scope.get("path_template") or UNKNOWN
            scope["state"][ROUTE] = scope.get("path_template")
            self._count(method, route, answer.status, seconds)
            write = log.debug if route in QUIET_ROUTES and 200 <= answer.status < 400 else log.info
            write(
                "request",
                method=method,
                route=route,
                status=answer.status,
                milliseconds=round(seconds * 1000, 1),
                address=address_of(scope),
                actor=scope["state"].get("subject"),
                **({OUTCOME: scope["state"][OUTCOME]} if OUTCOME in scope["state"] else {}),
            )


class _Answer:
    """The way back to the client. From its beginning on, an answer holds no place and has no time limit.

    The work is done then, and a client that reads slowly must not hold up others.
    """

    __slots__ = ("_leave", "_send", "limit", "request_id", "status")

    def __init__(self, send: Send, request_id: str, leave: Callable[[], None] | None) -> None:
        self._send = send
        self._leave = leave
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
        if self._leave is not None:
            self._leave()
            self._leave = None


def _caller(scope: HTTPScope) -> str:
    return network_of(address_of(scope))


def _read_head(scope: HTTPScope) -> tuple[str, int, bytes]:
    """Return the client's X-Request-Id if it is sane, else a new one; the number of Host lines, and the last one."""
    request_id, hosts, host = "", 0, b""
    for name, value in scope["headers"]:
        if name == b"host":
            hosts, host = hosts + 1, value
        elif name == b"x-request-id" and not request_id and SANE_ID.fullmatch(value):
            request_id = value.decode()
    return request_id or str(uuid4()), hosts, host


def _may_lack_host(scope: HTTPScope, hosts: int) -> bool:
    # RFC 9112, section 3.2: HTTP/1.1 has exactly one; before it there was none.
    return not hosts and scope["http_version"] == "1.0"
