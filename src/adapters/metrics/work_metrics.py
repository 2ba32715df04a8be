"""Metrics of a worker's batches, ticks and upkeep."""

from collections import Counter as Counts
from collections.abc import Mapping
from datetime import datetime
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapters.metrics.labels import (
    BREAKER_STATES,
    WORKS,
    GivenUp,
    Work,
)
from application.synchronisation.batch_report import BatchReport, FailureReason, Outcome
from domain.product import RegistrationState

BATCH_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0)


class WorkMetrics:
    """The instruments; every label value is from a bounded set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
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
            "Products of all batches by outcome; observed is the good end of a refresh.",
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
        self.breaker_state = Gauge(
            "aggregator_breaker_state",
            "1 for the state that the circuit breaker of this work is in, 0 for the others.",
            ["work", "state"],
            registry=registry,
        )
        # These are for workers only: an API would report a lag of 0 that it has not measured.
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
        self.outcomes: Counts[Outcome] = Counts()
        """Products of all batches so far, by outcome."""
        # Series with alerts begin at 0: Prometheus sees no increase in a series that begins later.
        for work in WORKS:
            for reason in FailureReason:
                self.failures.labels(work, reason)

    def working(self) -> None:
        """Show the series of a worker, which has done nothing yet."""
        for gauge in (self.refresh_lag, self.waiting_jobs, self.last_tick, self.last_housekeeping, self.catalogue):
            self._registry.register(gauge)
        self.counted({})
        for work in WORKS:
            self.breaker(work, "closed")
            for reason in get_args(GivenUp):
                self.batches_given_up.labels(work, reason)
            for outcome in Outcome:
                self.products.labels(work, outcome)

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

    def breaker(self, work: str, state: str) -> None:
        """Show the state of a work's breaker: closed, open or half_open."""
        for each in BREAKER_STATES:
            self.breaker_state.labels(work, each).set(each == state)
