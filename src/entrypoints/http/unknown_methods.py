"""A method that uvicorn's parser does not know is 501, not 400 (RFC 9110, section 9.1)."""

import re
import sys
from uuid import uuid4

import msgspec
from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from entrypoints.http.problems.problem_types import MEDIA_TYPE, NOT_IMPLEMENTED

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r?\n")


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with this one answer more. As after its own 400, the connection is closed."""

    def data_received(self, data: bytes) -> None:
        """Keep what is read, in case that the parser refuses it."""
        self._read = data
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refuses; uvicorn calls this where it handles the parser's error."""
        if isinstance(sys.exc_info()[1], HttpParserInvalidMethodError) and _REQUEST_LINE.match(self._read):
            self.transport.write(_not_implemented())
            self.transport.close()
        else:
            super().send_400_response(msg)


def _not_implemented() -> bytes:
    request_id = str(uuid4())
    body = msgspec.json.encode(NOT_IMPLEMENTED.problem({"request_id": request_id}))
    head = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\n"
        f"x-request-id: {request_id}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[NOT_IMPLEMENTED.status] + head.encode() + body
