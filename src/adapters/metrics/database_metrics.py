"""Metrics of this process's connections to the primary and to a standby."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from adapters.metrics.labels import (
    STANDBY_SOURCES,
)
from application.bounded_queue import BoundedQueue


class DatabaseMetrics:
    """The instruments; those of a standby are shown only where there is one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.pool_connections = Gauge(
            "aggregator_database_connections",
            "Connections of this process's pool: how many it may have (size), how many are in use (checked_out).",
            ["state"],
            registry=registry,
        )
        self.pool_waiters = Gauge(
            "aggregator_database_waiters", "Callers that wait for a connection of the pool.", registry=registry
        )
        self.clock_difference = Gauge(
            "aggregator_clock_difference_seconds",
            "By how much this process's clock is ahead of the database's, as of the last comparison.",
            registry=registry,
        )
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

    def watch_pool(self, connections: int, queue: BoundedQueue) -> None:
        """Show the connections that callers share, and their queue, at each scrape."""
        self.pool_waiters.set_function(lambda: queue.waiting)
        self.pool_connections.labels("size").set(connections)
        self.pool_connections.labels("checked_out").set_function(lambda: queue.present - queue.waiting)

    def clock(self, seconds_ahead: float) -> None:
        """Show by how much this process's clock is ahead of the database's."""
        self.clock_difference.set(seconds_ahead)

    def watch_standby(self, age: Callable[[], float], used: Callable[[], bool]) -> None:
        """Show the state of the standby at each scrape, and that it has answered nothing yet."""
        for instrument in (self.standby_reads, self.standby_age, self.standby_used):
            self._registry.register(instrument)
        self.standby_age.set_function(age)
        self.standby_used.set_function(used)
        for source in STANDBY_SOURCES:
            self.standby_reads.labels(source)

    def standby_read(self, source: str) -> None:
        """Count a read that a standby may answer."""
        self.standby_reads.labels(source).inc()
