"""The most frequent answer of all, 304 for a product, given before the framework is asked: a third of its cost.

It is given only where no other answer is possible. Every other request, and every error, is left to the application.
"""

import re
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.conditional_reads import cache_headers, matches
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.products.etags import etag

_PATH = re.compile(r"/products/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_TEMPLATE = "/products/{product_id}"


class NotModified:
    """ASGI application around another: it answers conditional reads of unchanged products itself."""

    def __init__(self, app: ASGIApp, catalogue: Catalogue) -> None:
        self._app = app
        self._catalogue = catalogue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "GET" and not scope["query_string"]:
            tags = [value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"]
            if tags and (path := _PATH.fullmatch(scope["path"])):
                headers = await self._headers(UUID(path[1]), tags)
                if headers is not None:
                    scope["path_template"] = _TEMPLATE
                    await send({"type": "http.response.start", "status": 304, "headers": headers})
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    return
        await self._app(scope, receive, send)

    async def _headers(self, product_id: UUID, tags: list[str]) -> list[tuple[bytes, bytes]] | None:
        try:
            version = await self._catalogue.reader.version(product_id)
        except Exception:  # noqa: BLE001 - the application meets the same error, and answers it
            return None
        tag = etag(version)
        if not matches(tags, tag):
            return None
        headers = cache_headers(tag, self._catalogue.freshness(version.observed_at))
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
