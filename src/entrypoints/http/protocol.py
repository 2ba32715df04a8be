"""uvicorn's protocol with bounds on heads and trailers, and with problems for input that is not HTTP.

uvicorn bounds heads with h11 alone, which takes five times as long for a request as httptools (docs/adr/0024).
"""

import asyncio
import re
import sys
from typing import Any
from uuid import uuid4

import msgspec
from httptools import HttpParserError, HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from entrypoints.http.problems.problem_types import MALFORMED, MEDIA_TYPE, NOT_IMPLEMENTED, ProblemType
from entrypoints.limits import HeadLimits

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r?\n")


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    `limits.size` bounds the bytes of a head, and those that come in a row without being part of a body: trailers and
    extensions of chunks. A head must be whole `limits.seconds` after its first bytes, and the first one after the
    connection was made.
    """

    def __init__(self, *arguments: Any, limits: HeadLimits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._room = limits.size
        self._progress = False
        self._in_head = False
        self._read = b""
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read piece by piece, each no longer than the room that the bounds leave for a head."""
        begin = 0
        while begin < len(data) and not self.transport.is_closing():
            piece = data[begin : begin + self._room] if begin or len(data) > self._room else data
            begin += len(piece)
            self._feed(piece)
        # Most heads come whole, and need no timer.
        if self._in_head or self._idle_without_timer():
            self._await_head()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; trailers are left out, because they came behind all checks of the head.

        Raises:
            HttpParserError: there are too many.
        """
        if self._in_head:
            if len(self.headers) >= self._limits.fields:
                raise HttpParserError
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End a head."""
        self._in_head, self._progress = False, True
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._progress = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer input that the parser refuses, unless another answer is under way, and hang up.

        uvicorn calls this where it handles the parser's error.
        """
        del msg
        if not self._answering():
            unknown = isinstance(sys.exc_info()[1], HttpParserInvalidMethodError) and _REQUEST_LINE.match(self._read)
            self.transport.write(_answer(NOT_IMPLEMENTED if unknown else MALFORMED))
        self.transport.close()

    def _feed(self, piece: bytes) -> None:
        self._read, self._progress = piece, False
        super().data_received(piece)
        self._room = self._limits.size if self._progress else self._room - len(piece)
        if self._room <= 0 and not self.transport.is_closing():
            self.send_400_response("")

    def _idle_without_timer(self) -> bool:
        return self.timeout_keep_alive_task is None and not self._answering()

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._limits.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._answering():
            # The head is the next one's; the answer under way must not end with it.
            self._await_head()
        else:
            self.transport.close()


def _answer(kind: ProblemType) -> bytes:
    request_id = str(uuid4())
    body = msgspec.json.encode(kind.problem({"request_id": request_id}))
    head = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\n"
        f"x-request-id: {request_id}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[kind.status] + head.encode() + body
