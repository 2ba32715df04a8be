"""Around every request, unknown routes too: an id on its log lines and in its answer, at its end a line and a count.

Its answer is never to be taken for another type than it says, which is told here because here nothing is left out.
"""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(scope: Scope) -> str:
    """Return the caller's X-Request-Id if that is sane, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if SANE_ID.fullmatch(given) else str(uuid4())


def headers_of_all(request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that no answer lacks."""
    return [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]


class RequestLog:
    """ASGI application around another; `count` is given each request's method, route, status and seconds."""

    def __init__(self, app: ASGIApp, count: Callable[[str, str, int, float], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *headers_of_all(request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - began
                method, route = scope["method"], scope.get("path_template") or "unknown"
                self._count(method, route, status, seconds)
                log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))
