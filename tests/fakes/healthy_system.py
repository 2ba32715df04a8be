"""Facts of a healthy system, for tests of its diagnosis."""

from datetime import timedelta

from application.diagnosis.facts import DatabaseFacts, SynchronisationFacts, UpkeepFacts
from application.webhooks.ports import WebhookSummary

SERVER = DatabaseFacts(
    version=15,
    oldest_version=15,
    encoding="UTF8",
    read_only=False,
    connections=20,
    connections_allowed=97,
    oldest_write=timedelta(seconds=2),
    transaction_limit=timedelta(0),
    vacuums=True,
    bloated={},
    missing_rights=(),
    queue_tables=True,
    disk_free=0.5,
)
WORKING = SynchronisationFacts(
    workers=1,
    waiting_jobs=3,
    late_registrations=0,
    failures={},
    refused_rows=0,
)
KEPT_UP = UpkeepFacts(
    missing_history_days=(),
    missing_event_days=(),
    missing_delivery_days=(),
    missing_audit_months=(),
    rolled_up=timedelta(hours=30),
)
DELIVERING = WebhookSummary(enabled=3, disabled=1, given_up=0, failing=1, waiting=5, behind=timedelta(minutes=15))
