"""The most frequent answer of all, that a product is what the client has already, before the framework is asked.

It is given only where nothing else can be meant; any other request, and any trouble, is the application's.
"""

import re
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.conditional_reads import Catalogue, describe, has_it
from entrypoints.http.products.etags import etag

_PATH = re.compile(r"/products/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_TEMPLATE = "/products/{product_id}"


class Unchanged:
    """ASGI application around another, which gets all but the conditional reads of unchanged products."""

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
        except Exception:  # noqa: BLE001 - the application will meet it too, and knows what to say
            return None
        tag = etag(version)
        if not has_it(tags, tag):
            return None
        described = describe(tag, self._catalogue.freshness(version.observed_at))
        return [(name.lower().encode(), value.encode()) for name, value in described.items()]
