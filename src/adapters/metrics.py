"""Prometheus metrics on a registry of the process's own; every label value is from a bounded set."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from adapters.metric_labels import (
    BREAKER_STATES,
    STANDBY_SOURCES,
    WEBHOOK_STATES,
    WORKS,
    GivenUp,
    Work,
    bounded_method,
    bounded_result,
    bounded_status,
)
from application.bounded_queue import BoundedQueue
from application.synchronisation.access_token.renewal import TokenEvent
from application.synchronisation.batch_report import BatchReport, FailureReason, Outcome
from application.synchronisation.upstream_calls import Endpoint, NoAnswer
from application.webhooks.ports import WebhookSummary
from domain.product import RegistrationState

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0)


class Metrics:
    """The instruments of one process. No method waits, queries the database or raises."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
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
        self.batch_seconds = Histogram(
            "aggregator_batch_duration_seconds",
            "From the claim of a batch that had products to its last write.",
            ["work"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.batches_given_up = Counter(
            "aggregator_batches_given_up",
            "Batches not begun (held_back: no access token, breaker open) or broken off; their products stay due.",
            ["work", "reason"],
            registry=registry,
        )
        self.products = Counter(
            "aggregator_products_processed",
            "Products of all batches by what became of them; observed is the good end of a refresh.",
            ["work", "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "aggregator_product_failures",
            "Products whose attempt failed, by reason; answer_refused: a malformed answer, internal: a defect of ours.",
            ["work", "reason"],
            registry=registry,
        )
        self.refused_rows = Counter(
            "aggregator_offer_rows_refused",
            "Malformed rows in answers that were good otherwise; their offers are trusted for three intervals.",
            registry=registry,
        )
        self.lost_offers = Counter(
            "aggregator_offers_lost",
            "Offers that became unknown: their rows, or rows without an id, were malformed for three intervals.",
            registry=registry,
        )
        self.calls = Counter(
            "aggregator_upstream_calls",
            "Calls to the Offers service by HTTP status, or by why there was no answer.",
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
        self.breaker_state = Gauge(
            "aggregator_breaker_state",
            "1 for the state that the circuit breaker of this work is in, 0 for the others.",
            ["work", "state"],
            registry=registry,
        )
        self.pool_connections = Gauge(
            "aggregator_database_connections",
            "Connections of this process's pool: how many it may have (size), how many are in use (checked_out).",
            ["state"],
            registry=registry,
        )
        self.clock_difference = Gauge(
            "aggregator_clock_difference_seconds",
            "By how much this process's clock is ahead of the database's, as of the last comparison.",
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
        self.pool_waiters = Gauge(
            "aggregator_database_waiters", "Callers that wait for a connection of the pool.", registry=registry
        )
        self.token_expiry = Gauge(
            "aggregator_token_expiry_timestamp_seconds",
            "When the access token that this process holds expires, as Unix time; 0 while it holds none.",
            registry=registry,
        )
        Info("aggregator_build", "The version of the service that this process runs.", registry=registry).info(
            {"version": version("product-aggregator")}
        )
        # For an API with a standby only.
        self.standby_reads = Counter(
            "aggregator_standby_reads",
            "Reads that a standby may answer: standby and primary answered; standby_failed and standby_too_late are "
            "among those of the primary.",
            ["source"],
            registry=None,
        )
        self.standby_age = Gauge(
            "aggregator_standby_age_seconds",
            "How old an answer of the standby would be at most; infinite while that is not known.",
            registry=None,
        )
        self.standby_used = Gauge(
            "aggregator_standby_used", "1 while the standby answers reads, 0 while the primary does.", registry=None
        )
        self.webhook_attempts = Counter(
            "aggregator_webhook_attempts",
            "Attempts to deliver an event to a webhook, by the status of the answer; none is no answer.",
            ["result"],
            registry=registry,
        )
        self.webhook_attempt_seconds = Histogram(
            "aggregator_webhook_attempt_duration_seconds",
            "From sending an event to a webhook to the end of the answer, or to its failure.",
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.webhooks_given_up = Counter(
            "aggregator_webhook_given_up",
            "Webhooks that were disabled, because their receiver asked for it or only failed.",
            registry=registry,
        )
        self.webhook_skips = Counter(
            "aggregator_webhook_skips",
            "Times that events were no longer kept when a webhook was to get them.",
            registry=registry,
        )
        # For workers only: an API would report a lag of 0 that it has not measured.
        self.refresh_lag = Gauge(
            "aggregator_refresh_lag_seconds",
            "How long the most overdue product waits for its observation, as of the last tick.",
            registry=None,
        )
        self.waiting_jobs = Gauge(
            "aggregator_waiting_jobs", "Jobs that no worker has begun yet, as of the last tick.", registry=None
        )
        self.last_tick = Gauge(
            "aggregator_last_tick_timestamp_seconds", "When the due work was last counted, as Unix time.", registry=None
        )
        self.last_housekeeping = Gauge(
            "aggregator_last_housekeeping_timestamp_seconds",
            "When this worker last finished the housekeeping, as Unix time; 0 before it has.",
            registry=None,
        )
        self.catalogue = Gauge(
            "aggregator_products",
            "Products that are not withdrawn by the state of their registration, as of the last minute.",
            ["registration"],
            registry=None,
        )
        self.webhooks = Gauge(
            "aggregator_webhook_receivers",
            "Webhooks by their state, as of the last minute; failing ones are enabled, given_up ones disabled.",
            ["state"],
            registry=None,
        )
        self.webhook_waiting = Gauge(
            "aggregator_webhook_waiting_events",
            "Events that wait for another attempt, as of the last minute.",
            registry=None,
        )
        self.webhook_behind = Gauge(
            "aggregator_webhook_behind_seconds",
            "Age of the oldest event that an enabled webhook has not tried to send, as of the last minute.",
            registry=None,
        )
        self.outcomes: Counts[Outcome] = Counts()
        """Products of all batches so far, by outcome."""
        self._requests: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._calls: dict[tuple[Endpoint, str], tuple[Counter, Histogram]] = {}
        # Series with alerts begin at 0: Prometheus sees no increase in a series that begins later.
        for work in WORKS:
            for reason in FailureReason:
                self.failures.labels(work, reason)
        for event in TokenEvent:
            self.renewals.labels(event)

    def serving(self, routes: Iterable[tuple[str, str]]) -> None:
        """Show that no request to these methods and routes has failed yet."""
        for method, route in routes:
            for status in (500, 503):
                self.requests.labels(bounded_method(method), route, bounded_status(status))

    def working(self) -> None:
        """Show the series of a worker, which has done nothing yet."""
        for gauge in (self.refresh_lag, self.waiting_jobs, self.last_tick, self.last_housekeeping, self.catalogue):
            self.registry.register(gauge)
        for gauge in (self.webhooks, self.webhook_waiting, self.webhook_behind):
            self.registry.register(gauge)
        for state in WEBHOOK_STATES:
            self.webhooks.labels(state)
        self.counted({})
        for work in WORKS:
            self.breaker(work, "closed")
            for reason in get_args(GivenUp):
                self.batches_given_up.labels(work, reason)
            for outcome in Outcome:
                self.products.labels(work, outcome)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request to a route's template; status 0 means that no answer began."""
        key = (bounded_method(method), route, bounded_status(status))
        children = self._requests.get(key)
        if children is None:
            children = self._requests[key] = self.requests.labels(*key), self.request_seconds.labels(key[0], route)
        children[0].inc()
        children[1].observe(seconds)

    def batch(self, work: Work, report: BatchReport, seconds: float) -> None:
        """Count a finished batch and its products."""
        if report.held_back is not None:
            self.given_up(work, "held_back")
        elif report.outcomes:
            self.batch_seconds.labels(work).observe(seconds)
        self.outcomes.update(report.outcomes)
        for outcome, count in report.outcomes.items():
            self.products.labels(work, outcome).inc(count)
        self.refused_rows.inc(report.refused_rows)
        self.lost_offers.inc(report.lost_offers)
        for reason, count in report.failures.items():
            self.failures.labels(work, reason).inc(count)

    def given_up(self, work: Work, reason: GivenUp) -> None:
        """Count a batch that was not begun or was broken off."""
        self.batches_given_up.labels(work, reason).inc()

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

    def scheduled(self, lag_seconds: float, waiting: int, at: datetime) -> None:
        """Show the result of a tick, and its time by the database's clock."""
        self.refresh_lag.set(lag_seconds)
        self.waiting_jobs.set(waiting)
        self.last_tick.set(at.timestamp())

    def housekept(self, at: datetime) -> None:
        """Show when the housekeeping was finished."""
        self.last_housekeeping.set(at.timestamp())

    def counted(self, products: Mapping[RegistrationState, int]) -> None:
        """Show the number of products in each state."""
        for state in RegistrationState:
            self.catalogue.labels(state).set(products.get(state, 0))

    def webhook_attempt(self, status: int | None, seconds: float) -> None:
        """Count an attempt to deliver an event."""
        self.webhook_attempts.labels("none" if status is None else bounded_result(status)).inc()
        self.webhook_attempt_seconds.observe(seconds)

    def count_webhooks(self, found: WebhookSummary) -> None:
        """Show the webhooks in numbers."""
        for state in WEBHOOK_STATES:
            self.webhooks.labels(state).set(getattr(found, state))
        self.webhook_waiting.set(found.waiting)
        self.webhook_behind.set(found.behind.total_seconds())

    def clock(self, seconds_ahead: float) -> None:
        """Show by how much this process's clock is ahead of the database's."""
        self.clock_difference.set(seconds_ahead)

    def breaker(self, work: str, state: str) -> None:
        """Show the state of a work's breaker: closed, open or half_open."""
        for each in BREAKER_STATES:
            self.breaker_state.labels(work, each).set(each == state)

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

    def watch_token(self, expires_at: Callable[[], datetime | None]) -> None:
        """Show the expiry of the access token at each scrape."""
        self.token_expiry.set_function(lambda: expiry.timestamp() if (expiry := expires_at()) else 0)

    def watch_standby(self, age: Callable[[], float], used: Callable[[], bool]) -> None:
        """Show the state of the standby at each scrape, and that it has answered nothing yet."""
        for instrument in (self.standby_reads, self.standby_age, self.standby_used):
            self.registry.register(instrument)
        self.standby_age.set_function(age)
        self.standby_used.set_function(used)
        for source in STANDBY_SOURCES:
            self.standby_reads.labels(source)

    def standby_read(self, source: str) -> None:
        """Count a read that a standby may answer."""
        self.standby_reads.labels(source).inc()

    def watch_pool(self, connections: int, queue: BoundedQueue) -> None:
        """Show the connections that callers share, and their queue, at each scrape."""
        self.pool_waiters.set_function(lambda: queue.waiting)
        self.pool_connections.labels("size").set(connections)
        self.pool_connections.labels("checked_out").set_function(lambda: queue.present - queue.waiting)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the form that an Accept header asks for, and its content type."""
        try:
            encode, content_type = choose_encoder(accept)
        except TypeError:  # a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self.registry), content_type
