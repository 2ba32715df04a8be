"""One bounded HTTP exchange with the Offers service: time, size and connections limited, errors without secrets."""

import functools
import math
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import certifi
from yarl import URL

from adapters.offers_api.calls import CallObserver, Endpoint, NoAnswer, unobserved
from adapters.offers_api.secret import Secret
from application.synchronisation.offers_gateway import OffersServiceUnavailable

TOO_MANY_REQUESTS = 429
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one exchange may take, in seconds and bytes (docs/synchronisation.md)."""

    turn: float = 5.0
    """Waiting for a place among the concurrent calls, before anything is sent."""
    connect: float = 2.0
    """Host name, connection and TLS together."""
    read: float = 5.0
    """Between two pieces of an answer."""
    call: float = 10.0
    """The whole exchange, once it has its place."""
    body: int = 1024 * 1024
    """Of an answer, after decompression."""
    idle: float = 4.0
    """A connection is kept this long: less than the 5 s after which common servers close it under a request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `body` is None when it is larger than allowed or cannot be decompressed."""

    status: int
    body: bytes | None


class Exchange:
    """Sends requests over one pool of connections: no retries, redirects, cookies or proxies, and TLS verified."""

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        limits: HttpLimits,
        observe: CallObserver = unobserved,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        url = URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("the base URL of the Offers service must be an absolute http or https URL")
        self._base_url = str(url).rstrip("/")
        self._limits = limits
        self._connections = connections
        self._observe = observe
        self._clock = clock or _now
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, endpoint: Endpoint, method: str, path: str, token: Secret, content: bytes | None = None
    ) -> Answer:
        """Return the answer to one request; the path is percent-encoded already.

        Raises:
            OffersServiceUnavailable: no answer, 5xx or 429.
        """
        headers = {"Bearer": token.reveal()}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if self._session is None:
            self._session = self._open()
        began = time.perf_counter()
        result: int | NoAnswer = NoAnswer.ABANDONED
        try:
            response = await self._session.request(
                method, URL(self._base_url + path, encoded=True), headers=headers, data=content, allow_redirects=False
            )
            try:
                body = await _read(response, self._limits.body)
            finally:
                # The connection of an answer that was read to its end is back in the pool by now.
                response.close()
            result = response.status
        except (aiohttp.ClientError, OSError) as error:
            # Not chained: what upstream sends back garbled may be our own header, and the library quotes it.
            result = _reason(error)
            raise OffersServiceUnavailable(result.value) from None
        finally:
            self._observe(endpoint, result, time.perf_counter() - began)
        if response.status >= FIRST_SERVER_ERROR or response.status == TOO_MANY_REQUESTS:
            wish = self._seconds(response.headers.get("Retry-After"))
            raise OffersServiceUnavailable(f"HTTP {response.status}", wish)
        return Answer(response.status, body)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        limits = self._limits
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=limits.idle, ssl=_tls()),
            timeout=aiohttp.ClientTimeout(
                total=limits.call, connect=limits.connect, sock_read=limits.read, ceil_threshold=math.inf
            ),
            headers={"User-Agent": "product-aggregator", "Accept": "application/json", "Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=[_send_once],
            # It would inflate a piece of an answer without a bound.
            auto_decompress=False,
            trust_env=False,
        )

    def _seconds(self, retry_after: str | None) -> float | None:
        if retry_after is None:
            return None
        if retry_after.isascii() and retry_after.isdigit():
            return float(retry_after[:9])
        try:
            at = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - self._clock()).total_seconds())


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again, which it does on these two errors, on a new connection too."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError("connection lost") from error


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        return None
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    async for piece in response.content.iter_any():
        if inflate is None:
            body += piece
        else:
            try:
                body += inflate.decompress(piece, limit + 1 - len(body))
            except zlib.error:
                return None
            if inflate.unused_data:
                return None
        if len(body) > limit:
            return None
    return bytes(body) if inflate is None or inflate.eof else None


def _reason(error: Exception) -> NoAnswer:
    if isinstance(error, TimeoutError):
        return NoAnswer.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NoAnswer.HOST_NOT_RESOLVED
    if isinstance(error, aiohttp.ClientSSLError):
        return NoAnswer.TLS_FAILED
    if isinstance(error, aiohttp.ClientResponseError):
        return NoAnswer.NOT_HTTP
    return NoAnswer.CONNECTION_FAILED


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes 25 ms; one context serves every pool.
    return ssl.create_default_context(cafile=certifi.where())


def _now() -> datetime:
    return datetime.now(UTC)
