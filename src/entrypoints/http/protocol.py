"""Requests that are no HTTP, or whose first line is too long: uvicorn answers them itself, here as a problem."""

import asyncio
from typing import Any, cast
from uuid import uuid4

import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.http.problems.problem_types import MALFORMED, MEDIA_TYPE

log = structlog.get_logger(__name__)


class _Transport:
    """A transport for which a closed connection is no error: whoever hung up is not answered, and that is all.

    Of several requests sent at once uvicorn tells only the last that the caller is gone, whichever is being answered.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ProblemProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, but for its one answer in plain text and its complaints about callers who hang up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a caller."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _Transport(transport))

    def send_400_response(self, msg: str) -> None:
        """Answer and hang up: where the next request would begin is anybody's guess."""
        request_id = str(uuid4())
        log.info("unreadable request", reason=msg, request_id=request_id, status=MALFORMED.status)
        body = msgspec.json.encode(MALFORMED.problem(request_id))
        head = (
            f"HTTP/1.1 {MALFORMED.status} Bad Request",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            f"x-request-id: {request_id}",
            "connection: close",
        )
        self.transport.write("\r\n".join((*head, "", "")).encode() + body)
        self.transport.close()
