"""Metrics of the calls to the Offers service, and of the access token for them."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapters.metrics.labels import (
    CALL_SECONDS,
    bounded_result,
)
from application.synchronisation.access_token.renewal import TokenEvent
from application.synchronisation.upstream_calls import Endpoint, NoAnswer


class UpstreamMetrics:
    """The instruments; every label value is from a bounded set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "aggregator_upstream_calls",
            "Calls to the Offers service by HTTP status, or by the reason for no answer.",
            ["call", "status"],
            registry=registry,
        )
        self.call_seconds = Histogram(
            "aggregator_upstream_call_duration_seconds",
            "From sending a call to the Offers service to the end of its answer, or to its failure.",
            ["call"],
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.renewals = Counter(
            "aggregator_token_renewals",
            "Renewals of the shared access token by outcome, and tokens dropped before their expiry.",
            ["outcome"],
            registry=registry,
        )
        self.token_expiry = Gauge(
            "aggregator_token_expiry_timestamp_seconds",
            "When the access token that this process holds expires, as Unix time; 0 while it holds none.",
            registry=registry,
        )
        self._calls: dict[tuple[Endpoint, str], tuple[Counter, Histogram]] = {}
        # Series with alerts begin at 0: Prometheus sees no increase in a series that begins later.
        for event in TokenEvent:
            self.renewals.labels(event)

    def call(self, endpoint: Endpoint, result: int | NoAnswer, seconds: float) -> None:
        """Count a call to the Offers service by its result."""
        key = (endpoint, bounded_result(result))
        children = self._calls.get(key)
        if children is None:
            children = self._calls[key] = self.calls.labels(*key), self.call_seconds.labels(endpoint)
        children[0].inc()
        children[1].observe(seconds)

    def renewal(self, event: TokenEvent) -> None:
        """Count an event of the shared access token."""
        self.renewals.labels(event).inc()

    def watch_token(self, expires_at: Callable[[], datetime | None]) -> None:
        """Show the expiry of the access token at each scrape."""
        self.token_expiry.set_function(lambda: expiry.timestamp() if (expiry := expires_at()) else 0)
