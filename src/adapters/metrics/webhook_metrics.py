"""Metrics of the deliveries to webhooks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapters.metrics.labels import (
    CALL_SECONDS,
    WEBHOOK_STATES,
    bounded_result,
)
from application.webhooks.ports import WebhookSummary


class WebhookMetrics:
    """The instruments; every label value is from a bounded set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.attempts = Counter(
            "aggregator_webhook_attempts",
            "Attempts to deliver an event to a webhook, by the status of the answer; none is no answer.",
            ["result"],
            registry=registry,
        )
        self.attempt_seconds = Histogram(
            "aggregator_webhook_attempt_duration_seconds",
            "From sending an event to a webhook to the end of the answer, or to its failure.",
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self.given_up = Counter(
            "aggregator_webhook_given_up",
            "Webhooks that were disabled, because their receiver asked for it or only failed.",
            registry=registry,
        )
        self.skips = Counter(
            "aggregator_webhook_skips",
            "Times that events were no longer kept when a webhook was to get them.",
            registry=registry,
        )
        self.receivers = Gauge(
            "aggregator_webhook_receivers",
            "Webhooks by their state, as of the last minute; failing ones are enabled, given_up ones disabled.",
            ["state"],
            registry=None,
        )
        self.waiting = Gauge(
            "aggregator_webhook_waiting_events",
            "Events that wait for another attempt, as of the last minute.",
            registry=None,
        )
        self.behind = Gauge(
            "aggregator_webhook_behind_seconds",
            "Age of the oldest event that an enabled webhook has not tried to send, as of the last minute.",
            registry=None,
        )

    def working(self) -> None:
        """Show the series of a worker, which has counted nothing yet."""
        for gauge in (self.receivers, self.waiting, self.behind):
            self._registry.register(gauge)
        for state in WEBHOOK_STATES:
            self.receivers.labels(state)

    def attempt(self, status: int | None, seconds: float) -> None:
        """Count an attempt to deliver an event."""
        self.attempts.labels("none" if status is None else bounded_result(status)).inc()
        self.attempt_seconds.observe(seconds)

    def count(self, found: WebhookSummary) -> None:
        """Show the webhooks in numbers."""
        for state in WEBHOOK_STATES:
            self.receivers.labels(state).set(getattr(found, state))
        self.waiting.set(found.waiting)
        self.behind.set(found.behind.total_seconds())
