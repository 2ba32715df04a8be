"""The requests that a standby may answer, although its state may be seconds older than the primary's.

All others read the primary. An answer that a client compares with an earlier one, or that goes on from one, must not be
older than that. Neither must the parts of a product's page, because the product itself is read from the primary.
"""

import re

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from application.newest_reads import REQUEST_READS, RequestReads

_CONDITIONAL = frozenset(
    [b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"]
)
_GOES_ON = re.compile(rb"(?:^|&)(?:cursor|after)=")
_PRODUCT_PAGES = "/catalogue/"


class StandbyReadable:
    """ASGI application around another: it notes for every request whether it needs the newest state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == ScopeType.HTTP:
            newest = (
                scope["method"] != "GET"
                or scope["path"].startswith(_PRODUCT_PAGES)
                or _GOES_ON.search(scope["query_string"]) is not None
                or any(name in _CONDITIONAL for name, _ in scope["headers"])
            )
            # Every request runs in a task of its own, so its context ends with it.
            REQUEST_READS.set(RequestReads(newest))
        await self._app(scope, receive, send)
