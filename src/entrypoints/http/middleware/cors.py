"""Cross-origin requests: pages of listed origins may call the API from a browser, with a token but without cookies.

Litestar's own middleware answers a refused preflight in plain text, and shows every origin the rights of listed ones.
"""

from collections.abc import Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

METHODS = b"DELETE, GET, HEAD, PATCH, POST, PUT"
REQUEST_HEADERS = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
ANSWER_HEADERS = (
    b"Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id"
)
SECONDS_TO_REMEMBER = b"600"

# Caches must not give the answer for one origin to another.
VARY = (b"vary", b"Origin")


class Cors:
    """ASGI application around another. Other origins get no headers, so browsers withhold the answers from them."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; preflights of listed origins are answered here."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        added = [VARY]
        if origin in self._origins:
            added += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", ANSWER_HEADERS)]
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _answer_preflight(origin, send)
                return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _answer_preflight(origin: bytes, send: Send) -> None:
    headers = [
        VARY,
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", REQUEST_HEADERS),
        (b"access-control-max-age", SECONDS_TO_REMEMBER),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
