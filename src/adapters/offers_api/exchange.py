"""One bounded HTTP exchange with the Offers service: time, size and connections limited, errors without secrets."""

import asyncio
import functools
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from adapters.offers_api.secret import Secret
from application.offers_service import OffersServiceUnavailable

TOO_MANY_REQUESTS = 429
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one exchange may take, in seconds and bytes (docs/synchronisation.md)."""

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
        self, base_url: str, *, connections: int, limits: HttpLimits, clock: Callable[[], datetime] | None = None
    ) -> None:
        url = httpx.URL(base_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("the base URL of the Offers service must be an absolute http or https URL")
        self._base_url = str(url).rstrip("/")
        self._limits = limits
        self._connections = connections
        self._clock = clock or _now
        # Both libraries keep cookies by themselves, and aiohttp would be given another session's.
        cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        tls = _tls()
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(verify=tls, trust_env=False, client=lambda: self._session(tls)),
            timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.read, pool=limits.connect),
            headers={"User-Agent": "product-aggregator", "Accept": "application/json", "Accept-Encoding": "gzip"},
            cookies=cookies,
            follow_redirects=False,
            trust_env=False,
        )

    async def send(self, method: str, path: str, token: Secret, content: bytes | None = None) -> Answer:
        """Return the answer to one request.

        Raises:
            OffersServiceUnavailable: no answer, 5xx or 429.
        """
        headers = {"Bearer": token.reveal()}
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self._client.build_request(method, self._base_url + path, headers=headers, content=content)
        try:
            async with asyncio.timeout(self._limits.call):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _read(response, self._limits.body)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            # Not chained: what upstream sends back garbled may be our own header, and the libraries quote it.
            raise OffersServiceUnavailable(_reason(error)) from None
        if response.status_code >= FIRST_SERVER_ERROR or response.status_code == TOO_MANY_REQUESTS:
            wish = self._seconds(response.headers.get("retry-after"))
            raise OffersServiceUnavailable(f"HTTP {response.status_code}", wish)
        return Answer(response.status_code, body)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _session(self, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=self._limits.idle, ssl=tls)
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), middlewares=[_send_once], trust_env=False
        )

    def _seconds(self, retry_after: str | None) -> float | None:
        if retry_after is None:
            return None
        if retry_after.isascii() and retry_after.isdigit():
            return float(retry_after[:9])
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
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


async def _read(response: httpx.Response, limit: int) -> bytes | None:
    # The transport leaves compressed answers as they are, and httpx would inflate a piece of one without a bound.
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        return None
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    async for piece in response.aiter_raw():
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


def _reason(error: Exception) -> str:
    # httpx-aiohttp calls a reset a connect timeout: the error of aiohttp behind it knows better.
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ else error
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return "host name not resolved"
    if isinstance(cause, aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(cause, aiohttp.ClientResponseError):
        return "not HTTP"
    return "connection failed"


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes 25 ms; one context serves every pool.
    return httpx.create_ssl_context(trust_env=False)


def _now() -> datetime:
    return datetime.now(UTC)
