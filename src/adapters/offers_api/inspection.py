"""One request to the Offers service that changes nothing there: offers of no product, asked for without a token."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import httpx

from adapters.outgoing_http.transport import TRANSPORT_ERRORS, call_failure
from application.clock import Clock
from application.diagnosis.facts import UpstreamFacts

_NO_PRODUCT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class HttpxUpstreamInspection:
    """See `InspectUpstream`. A service in good health refuses the request; the whole takes `seconds` at most."""

    base_url: str
    transport: httpx.AsyncBaseTransport
    clock: Clock
    seconds: float

    async def __call__(self) -> UpstreamFacts:
        request = httpx.Request(
            "GET",
            f"{self.base_url}/products/{_NO_PRODUCT}/offers",
            headers={"User-Agent": "product-aggregator", "Accept": "application/json"},
            extensions={"timeout": dict.fromkeys(("connect", "pool", "read", "write"), self.seconds)},
        )
        try:
            async with asyncio.timeout(self.seconds):
                response = await self.transport.handle_async_request(request)
                await response.aclose()
        except TRANSPORT_ERRORS as error:
            return UpstreamFacts(None, call_failure(error)[1])
        return UpstreamFacts(response.status_code, clock_ahead=_ahead(response.headers.get("Date"), self.clock()))

    async def aclose(self) -> None:
        """Close the connection."""
        await self.transport.aclose()


def _ahead(date: str | None, now: datetime) -> timedelta | None:
    try:
        at = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) - now
