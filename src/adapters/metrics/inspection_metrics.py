"""Prometheus metrics of database and housekeeping, from the same inspection as that of `aggregator doctor`."""

import math

from prometheus_client import CollectorRegistry, Gauge

from application.diagnosis.facts import DatabaseFacts, UpkeepFacts

STATES = {"ok": "ok", "read-only": "read_only", "outdated": "outdated", "incompatible": "incompatible"}
"""The states of the schema, and how labels name them."""


class InspectionMetrics:
    """The instruments; those with labels have no series before the first inspection."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.state = Gauge(
            "aggregator_database_state",
            "1 for the state that the database is in for this release, 0 for the others.",
            ["state"],
            registry=registry,
        )
        self.connections = Gauge(
            "aggregator_database_server_connections",
            "Connections of all callers to the database server: open, and allowed to roles without special rights.",
            ["state"],
            registry=registry,
        )
        self.oldest_write = Gauge(
            "aggregator_database_oldest_write_seconds",
            "Age of the oldest transaction that has written and has not ended.",
            registry=registry,
        )
        self.bloated = Gauge(
            "aggregator_database_bloated_tables",
            "Tables with many more dead rows than living ones; three are counted at most.",
            registry=registry,
        )
        self.disk_free = Gauge(
            "aggregator_database_disk_free_ratio",
            "Free share of the disk of the database; NaN where this process cannot see that disk.",
            registry=registry,
        )
        self.missing_partitions = Gauge(
            "aggregator_missing_partitions",
            "Partitions that are not there: of today and tomorrow (history, events, deliveries), this month and the "
            "next (audit).",
            ["log"],
            registry=registry,
        )
        self.rolled_up = Gauge(
            "aggregator_history_roll_up_age_seconds",
            "Age of the oldest history that is not rolled up yet.",
            registry=registry,
        )
        self.disk_free.set(math.nan)

    def inspected(self, state: str, database: DatabaseFacts, upkeep: UpkeepFacts | None) -> None:
        """Show the facts; None as `upkeep` leaves those of the housekeeping as they are."""
        for each, label in STATES.items():
            self.state.labels(label).set(each == state)
        self.connections.labels("open").set(database.connections)
        self.connections.labels("allowed").set(database.connections_allowed)
        self.oldest_write.set(database.oldest_write.total_seconds())
        self.bloated.set(len(database.bloated))
        self.disk_free.set(math.nan if database.disk_free is None else database.disk_free)
        if upkeep is not None:
            self.missing_partitions.labels("history").set(len(upkeep.missing_history_days))
            self.missing_partitions.labels("events").set(len(upkeep.missing_event_days))
            self.missing_partitions.labels("deliveries").set(len(upkeep.missing_delivery_days))
            self.missing_partitions.labels("audit").set(len(upkeep.missing_audit_months))
            self.rolled_up.set(upkeep.rolled_up.total_seconds())
