"""The HTTP transport of all calls that leave the service, and the reasons behind its errors.

It is httpx's transport interface over aiohttp, which costs half of httpx's own. Only this module, and the resolver of
webhooks, use aiohttp's client directly (docs/adr/0016).
"""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from httpx_aiohttp import AiohttpTransport

from adapters.outgoing_http.tls import client_context, tls_failure
from application.synchronisation.upstream_calls import NoAnswer

TRANSPORT_ERRORS = (httpx.TransportError, aiohttp.ClientError, OSError)
"""The errors of a call over the transport that has no answer."""

_SWITCHING_PROTOCOLS, _FIRST_FINAL_STATUS = 101, 200


def pooled_transport(
    *,
    connections: int,
    idle_seconds: float,
    head: int,
    sent: int,
    ca_file: str | None = None,
    proxy: str | None = None,
    make_resolver: Callable[[], AbstractResolver] | None = None,
) -> httpx.AsyncBaseTransport:
    """Make a transport that keeps up to so many connections, each for so long after its last use.

    It sends a request once, with the headers that all requests have in common, follows no redirect, keeps no cookie,
    and verifies TLS. The environment's proxies are not used, only the one that is given, by its http or https URL. An
    answer's head, interim answers included, takes up to `head` bytes, and the whole answer up to `sent`, counted as
    they are sent. A resolver of the caller's own decides which addresses are connected to; literals never reach it.
    """
    tls = client_context(ca_file)

    # Opened at the first call, because aiohttp binds a session to the running event loop.
    def open_session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=connections,
            keepalive_timeout=idle_seconds,
            ssl=tls,
            resolver=None if make_resolver is None else make_resolver(),
        )
        # aiohttp has no public way to choose the class of its connections.
        connection = partial(BoundedConnection, loop=asyncio.get_running_loop(), head=head, sent=sent)
        connector._factory = connection  # type: ignore[assignment]  # noqa: SLF001
        session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": "product-aggregator", "Accept": "application/json", "Accept-Encoding": "gzip"},
            # Requests carry their own limits; aiohttp would round these up to whole seconds.
            timeout=aiohttp.ClientTimeout(ceil_threshold=math.inf),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy,
            trust_env=False,
            # One bound for the whole head instead of many small ones.
            max_line_size=head,
            max_field_size=head,
            max_headers=head // 3,  # the shortest line has three bytes
        )
        # aiohttp would send a GET again when its connection is lost. A middleware against that costs time in each call.
        session._retry_connection = False  # noqa: SLF001
        return session

    return AiohttpTransport(verify=tls, trust_env=False, client=open_session)


def call_failure(error: Exception) -> tuple[NoAnswer, str]:
    """Return why a call has no answer, and the same in words; both are free of what upstream or a proxy sent.

    aiohttp's own error decides, where there is one: the transport reports lost connections and failed name resolution
    as time-outs.
    """
    tls = tls_failure(error)
    if tls is not None:
        return NoAnswer.TLS_FAILED, f"{NoAnswer.TLS_FAILED}: {tls}"
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    match cause:
        case aiohttp.ClientConnectorDNSError(host=host):
            return NoAnswer.HOST_NOT_RESOLVED, f"{NoAnswer.HOST_NOT_RESOLVED}: {host}"
        case aiohttp.ClientHttpProxyError(status=status):
            return NoAnswer.PROXY_FAILED, f"{NoAnswer.PROXY_FAILED}: HTTP {status}"
        case aiohttp.ClientProxyConnectionError():
            return NoAnswer.PROXY_FAILED, f"{NoAnswer.PROXY_FAILED}: no connection to it"
        case MalformedAnswer():
            return NoAnswer.MALFORMED, str(cause)
    reason = _plain_reason(cause)
    return reason, reason.value


def _plain_reason(error: BaseException) -> NoAnswer:
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return NoAnswer.TIMEOUT
        case aiohttp.ClientResponseError() | httpx.RemoteProtocolError():
            return NoAnswer.NOT_HTTP
        case _:
            return NoAnswer.CONNECTION_FAILED


class MalformedAnswer(httpx.TransportError):
    """An answer exceeds a bound, or breaks the rules of HTTP behind its head."""


class BoundedConnection(ResponseHandler):
    """aiohttp's side of a connection, with the bounds that aiohttp does not have.

    Of each answer it takes up to `head` bytes until the final head is complete, and `sent` bytes in all, as they are
    sent. aiohttp bounds lines and headers only: interim answers (RFC 9110 §15.2), chunk extensions and trailers may
    come without end, and an unrequested answer is given to the next request.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, head: int, sent: int) -> None:
        super().__init__(loop)
        self._bounds = head, sent
        self._head_room, self._room = self._bounds
        self._answered = False

    def set_response_params(self, **params: Any) -> None:
        """Begin an exchange."""
        self._answered = False
        self._head_room, self._room = self._bounds
        super().set_response_params(**params)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take an answer's head; a second answer to one request ends the connection."""
        if self._answered:
            self.force_close()
            self._abort()
            return
        status = data[0].code
        self._answered = status >= _FIRST_FINAL_STATUS or status == _SWITCHING_PROTOCOLS
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take the received bytes, up to the bounds."""
        self._room -= len(data)
        if self._room < 0:
            self._refuse()
            return
        if self._answered:
            self._parse(data)
            return
        # The end of a head is only known once it is parsed, so the parser gets no more than may belong to it.
        beginning, rest = data[: self._head_room], data[self._head_room :]
        self._head_room -= len(beginning)
        self._parse(beginning)
        if self.exception() is None and self._head_too_large:
            self._refuse()
        elif self.exception() is None and rest:
            self._parse(rest)

    @property
    def _head_too_large(self) -> bool:
        return self._head_room == 0 and not self._answered

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self.exception() is not None:
            # aiohttp reports a malformed answer only where it waits for a head.
            self._fail_body(MalformedAnswer("the answer's chunks or trailers are malformed"))

    def _refuse(self) -> None:
        error = MalformedAnswer("the answer is larger than allowed")
        self.set_exception(error)
        self._fail_body(error)
        self._abort()

    def _fail_body(self, error: Exception) -> None:
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(error)
        self._payload = None

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
