"""Sends events to receivers over httpx's transport interface: time, size and targets are bounded.

A receiver is somebody else's: nothing that it answers can do more than fill a row of the delivery log.
"""

import asyncio
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from adapters.outgoing_http.transport import TRANSPORT_ERRORS, call_failure
from adapters.webhooks.limits import SendingLimits
from adapters.webhooks.resolver import AddressRefused
from adapters.webhooks.signatures import signed_headers
from application.webhooks.attempts import ReceiverAnswer
from application.webhooks.ports import Message
from application.webhooks.targets import TargetPolicy, TargetRefused

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
CONTENT_TYPE = "application/cloudevents+json"


class HttpxWebhookSender:
    """See `WebhookSender`."""

    def __init__(self, transport: httpx.AsyncBaseTransport, policy: TargetPolicy, limits: SendingLimits) -> None:
        self._transport = transport
        self._policy = policy
        self._limits = limits
        seconds = dict.fromkeys(("connect", "pool", "read", "write"), limits.call)
        self._extensions = {"timeout": seconds}

    async def __call__(self, message: Message) -> ReceiverAnswer:
        try:
            self._policy.check_url(message.url)
            async with asyncio.timeout(self._limits.call) as limit:
                response = await self._transport.handle_async_request(self._request(message))
                try:
                    return await self._read(response, limit)
                finally:
                    await response.aclose()
        except TargetRefused as refused:
            return ReceiverAnswer(None, str(refused))
        except (httpx.InvalidURL, ValueError):
            return ReceiverAnswer(None, "The URL cannot be called.")
        except TRANSPORT_ERRORS as error:
            return ReceiverAnswer(None, _reason(error))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _request(self, message: Message) -> httpx.Request:
        headers = signed_headers(message) | {"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"}
        # A stream, because for `content` httpx writes headers that the transport writes too.
        stream = httpx.ByteStream(message.body)
        request = httpx.Request("POST", message.url, headers=headers, stream=stream, extensions=self._extensions)
        request.read()
        return request

    async def _read(self, response: httpx.Response, limit: asyncio.Timeout) -> ReceiverAnswer:
        body = bytearray()
        try:
            if isinstance(response.stream, httpx.AsyncByteStream):
                async for piece in response.stream:
                    body += piece[: self._limits.body - len(body)]
                    if len(body) >= self._limits.body:
                        break
        except TRANSPORT_ERRORS:
            # The status has said it all; the body is for people.
            pass
        except asyncio.CancelledError:
            if not limit.expired():
                raise
        text = _UNSTORABLE.sub("", body.decode(errors="replace"))[: self._limits.kept]
        error = None if 200 <= response.status_code < 300 else f"HTTP {response.status_code}"
        return ReceiverAnswer(response.status_code, error, text, _retry_after(response.headers.get("Retry-After")))


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return call_failure(error)[1]


def _retry_after(value: str | None) -> float | datetime | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)
