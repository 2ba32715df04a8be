"""A span around each request, which goes on with the trace that the client names in `traceparent`."""

from collections.abc import Callable, Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.tracing.spans import Spans, failed

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROPAGATED = frozenset({b"traceparent", b"tracestate"})
FIRST_SERVER_ERROR = 500


class TracedRequests:
    """ASGI application around another. `route_of` gives the template of the path, once the request is served.

    Requests for `untraced` paths pass: probes would be most of all traces.
    """

    def __init__(
        self, app: ASGIApp, spans: Spans, route_of: Callable[[Scope], str | None], untraced: Collection[str]
    ) -> None:
        self._app = app
        self._spans = spans
        self._route_of = route_of
        self._untraced = untraced
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in self._untraced:
            await self._app(scope, receive, send)
            return
        # The names that are sent are the client's to choose, so they are bounded.
        method = str(scope["method"]) if scope["method"] in _METHODS else "_OTHER"
        named = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _PROPAGATED}
        parent = self._propagator.extract(named) if named else None
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        attributes = {"http.request.method": method, "url.scheme": str(scope.get("scheme", "http"))}
        with self._spans.trace(method, SpanKind.SERVER, attributes, parent) as span:
            try:
                await self._app(scope, receive, noted)
            finally:
                if (route := self._route_of(scope)) is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)
                if status:
                    span.set_attribute("http.response.status_code", status)
                if status >= FIRST_SERVER_ERROR:
                    failed(span, str(status))
