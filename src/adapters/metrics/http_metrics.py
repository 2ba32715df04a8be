"""Metrics of the API's requests, exports and streams of events."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapters.metrics.labels import (
    bounded_method,
    bounded_status,
)

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class HttpMetrics:
    """The instruments; every label value is from a bounded set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "aggregator_http_requests",
            "Requests answered by the API; status `none` means that the caller left before an answer began.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "aggregator_http_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            ["method", "route"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "aggregator_http_requests_in_flight",
            "Requests whose answer has not begun, by kind; probes are not counted.",
            ["kind"],
            registry=registry,
        )
        self.exports = Counter(
            "aggregator_exports",
            "Exports that began, by how they ended; only a complete one was sent to its end.",
            ["export", "outcome"],
            registry=registry,
        )
        self.running_exports = Gauge(
            "aggregator_exports_running", "Exports that are being streamed to callers.", registry=registry
        )
        self.event_streams = Gauge("aggregator_event_streams", "Streams of events that are open.", registry=registry)
        self.ended_event_streams = Counter(
            "aggregator_event_streams_ended",
            "Streams of events that have ended, by how; only one of a stopping process is complete.",
            ["outcome"],
            registry=registry,
        )
        self.event_feed_withheld = Gauge(
            "aggregator_event_feed_withheld_seconds",
            "How long the oldest event has been waiting for an open transaction to end; 0 while nobody listens.",
            registry=registry,
        )
        self._requests: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def serving(self, routes: Iterable[tuple[str, str]]) -> None:
        """Show that no request to these methods and routes has failed yet."""
        for method, route in routes:
            for status in (500, 503):
                self.requests.labels(bounded_method(method), route, bounded_status(status))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request to a route's template; status 0 means that no answer began."""
        key = (bounded_method(method), route, bounded_status(status))
        children = self._requests.get(key)
        if children is None:
            children = self._requests[key] = self.requests.labels(*key), self.request_seconds.labels(key[0], route)
        children[0].inc()
        children[1].observe(seconds)

    def watch_requests(self, kind: str, in_flight: Callable[[], int]) -> None:
        """Show the requests of a kind at each scrape."""
        self.in_flight.labels(kind).set_function(in_flight)

    def export(self, name: str, outcome: str) -> None:
        """Count an export that has ended."""
        self.exports.labels(name, outcome).inc()

    def watch_exports(self, running: Callable[[], int]) -> None:
        """Show the exports under way at each scrape."""
        self.running_exports.set_function(running)

    def event_stream(self, outcome: str) -> None:
        """Count a stream of events that has ended."""
        self.ended_event_streams.labels(outcome).inc()

    def watch_event_streams(self, running: Callable[[], int], withheld: Callable[[], timedelta]) -> None:
        """Show the streams of events, and how long events are withheld, at each scrape."""
        self.event_streams.set_function(running)
        self.event_feed_withheld.set_function(lambda: withheld().total_seconds())
