"""One bounded HTTP exchange with the Offers service: time, size and connections are limited, errors have no secrets.

Requests go to the transport directly. httpx's client would add redirects, cookies, authentication and hooks, all of
which must be off here, for more than the exchange itself costs (docs/adr/0016).
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from adapters.offers_api.answer_body import UnreadableBody, read_body
from adapters.offers_api.limits import HttpLimits
from adapters.outgoing_http.transport import TRANSPORT_ERRORS, call_failure
from application.clock import Clock
from application.synchronisation.access_token.secret import Secret
from application.synchronisation.offers_gateway import AnswerRefused, OffersServiceUnavailable
from application.synchronisation.upstream_calls import CallObserver, Endpoint, NoAnswer

TOO_MANY_REQUESTS = 429
FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """An answer; `body` is None if it cannot be read, `unreadable` says why."""

    status: int
    body: bytes | None
    unreadable: str = ""


class HttpClient:
    """Sends requests below one base URL over one transport."""

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport,
        limits: HttpLimits,
        observe: CallObserver,
        clock: Clock,
    ) -> None:
        self._base_url = _checked(base_url)
        self._transport = transport
        self._limits = limits
        self._observe = observe
        self._clock = clock
        timeouts = {"connect": limits.connect, "pool": limits.connect, "read": limits.read, "write": limits.read}
        self._extensions = {"timeout": timeouts}

    async def send(
        self, endpoint: Endpoint, method: str, path: str, token: Secret, content: bytes | None = None
    ) -> UpstreamAnswer:
        """Return the answer to one request; the path is percent-encoded already.

        Raises:
            OffersServiceUnavailable: there is no answer, or it is 5xx or 429.
            AnswerRefused: the answer is malformed, or larger than allowed apart from its body.
        """
        headers = [("Bearer", token.reveal())]
        if content is not None:
            headers.append(("Content-Type", "application/json"))
        request = ReadyRequest(method, UrlBelow(self._base_url, path), headers, content or b"", self._extensions)
        began = time.perf_counter()
        result: int | NoAnswer = NoAnswer.ABANDONED
        try:
            async with asyncio.timeout(self._limits.call):
                response = await self._transport.handle_async_request(request)
                try:
                    answer = UpstreamAnswer(response.status_code, await read_body(response, self._limits.body))
                except UnreadableBody as error:
                    answer = UpstreamAnswer(response.status_code, None, str(error))
                    await response.aclose()
                except BaseException:
                    # An answer that was read to its end needs no closing, as aiohttp has taken its connection back.
                    await response.aclose()
                    raise
            result = answer.status
        except TRANSPORT_ERRORS as error:
            # Not chained: upstream may have sent our own header back, and the library's error would quote it.
            result, reason = call_failure(error)
            raise (AnswerRefused if result is NoAnswer.MALFORMED else OffersServiceUnavailable)(reason) from None
        finally:
            self._observe(endpoint, result, time.perf_counter() - began)
        if answer.status >= FIRST_SERVER_ERROR or answer.status == TOO_MANY_REQUESTS:
            retry_after = self._seconds(response.headers.get("Retry-After"))
            raise OffersServiceUnavailable(f"HTTP {answer.status}", retry_after)
        return answer

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

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


class ReadyRequest(httpx.Request):
    """A request made of parts that need no check.

    httpx's constructor takes as long as a tenth of a call, and adds headers that the transport writes too.
    """

    def __init__(
        self,
        method: str,
        url: httpx.URL,
        headers: Sequence[tuple[str, str]],
        content: bytes,
        extensions: dict[str, Any],
    ) -> None:
        self.method = method
        self.url = url
        # With an encoding given, httpx does not try out which one fits.
        self.headers = httpx.Headers(headers, encoding="ascii")
        self.extensions = extensions
        self.stream = httpx.ByteStream(content)
        self._content = content


class UrlBelow(httpx.URL):
    """A base URL with a path added that is percent-encoded already.

    httpx has no public way to this but to parse the whole, which costs as much as a tenth of a call.
    """

    def __init__(self, base: httpx.URL, path: str) -> None:
        parts = base._uri_reference  # noqa: SLF001
        self._uri_reference = parts._replace(path=parts.path.removesuffix("/") + path)


def _checked(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the base URL of the Offers service must be an absolute http or https URL")
    return url
