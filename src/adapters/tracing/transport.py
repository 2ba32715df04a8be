"""A span around each call of the Offers service, which gets the span's id in `traceparent`."""

import httpx
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.tracing.spans import Attributes, Spans, failed

FIRST_ERROR = 400
_PORTS = {"http": 80, "https": 443}


class TracedTransport(httpx.AsyncBaseTransport):
    """A transport around another. A span ends when the answer's head is there."""

    def __init__(self, transport: httpx.AsyncBaseTransport, spans: Spans) -> None:
        self._transport = transport
        self._spans = spans
        self._propagator = TraceContextTextMapPropagator()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        url = request.url
        # No path and no URL: they name products, and a base URL may have credentials.
        attributes: Attributes = {
            "http.request.method": request.method,
            "server.address": url.host,
            "server.port": url.port or _PORTS.get(url.scheme, 0),
        }
        with self._spans.span(request.method, SpanKind.CLIENT, attributes) as span:
            self._propagator.inject(request.headers)
            response = await self._transport.handle_async_request(request)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= FIRST_ERROR:
                failed(span, str(response.status_code))
            return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()
