"""Requests that are no HTTP, or whose first line is too long: uvicorn answers them itself, here as a problem."""

from uuid import uuid4

import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.http.problem_types import MALFORMED, MEDIA_TYPE, Problem

log = structlog.get_logger(__name__)


class ProblemProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, but for its one answer in plain text."""

    def send_400_response(self, msg: str) -> None:
        """Answer and hang up: where the next request would begin is anybody's guess."""
        request_id = str(uuid4())
        log.info("unreadable request", reason=msg, request_id=request_id, status=MALFORMED.status)
        problem = Problem(MALFORMED.path, MALFORMED.title, MALFORMED.status, MALFORMED.meaning, request_id)
        body = msgspec.json.encode(problem)
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
