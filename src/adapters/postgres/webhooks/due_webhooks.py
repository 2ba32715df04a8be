"""Webhooks that are due, on PostgreSQL, by the driver's own statements: each worker asks once a second."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import fetch
from adapters.postgres.webhooks.mapping import read_columns
from application.webhooks.attempts import LONGEST_RETRY_AFTER, WaitingEvent
from application.webhooks.ports import LONGEST_DELIVERY_LEASE, DeliveryClaim

# One statement. It looks at the log's end only if a webhook is enabled and free, and writes only if one is due. What
# lies ahead of the clock further than it can was written before the clock was set back.
_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id FROM webhook
        WHERE enabled
        AND (lease_until IS NULL OR lease_until <= now() OR lease_until > now() + $3)
        AND (not_before IS NULL OR not_before <= now() OR not_before > now() + $4)
        AND (
            (generation, transaction, number) < (
                SELECT event.generation, event.transaction, event.number FROM event
                WHERE (event.generation, event.transaction) < (
                    (SELECT generation FROM event_log), pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                )
                AND recorded_at < now() + INTERVAL '2 days'
                ORDER BY event.generation DESC, event.transaction DESC, event.number DESC LIMIT 1
            )
            OR EXISTS (
                SELECT FROM webhook_waiting WHERE webhook_id = webhook.id AND next_attempt_at <= now()
            )
        )
        ORDER BY served_at NULLS FIRST LIMIT $5 FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook SET lease_id = $1, lease_until = now() + $2, served_at = now()
    FROM due WHERE webhook.id = due.id
    RETURNING webhook.*, now() AS claimed_at,
        (SELECT count(*) FROM webhook_waiting WHERE webhook_id = webhook.id) AS waiting
"""
_DUE_EVENTS = """
    SELECT event_id, type, body, attempts, next_attempt_at FROM webhook_waiting
    WHERE webhook_id = $1 AND next_attempt_at <= now() ORDER BY next_attempt_at, event_id LIMIT $2
"""


class PostgresDueWebhooks:
    """See `DueWebhooks`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, lease: timedelta, at_most: int) -> Sequence[DeliveryClaim]:
        lease_id = uuid4()
        values = (lease_id, lease, LONGEST_DELIVERY_LEASE, 2 * LONGEST_RETRY_AFTER, at_most)
        rows = await fetch(self._engine, _CLAIM, values)
        return [DeliveryClaim(lease_id, row["claimed_at"], read_columns(row), row["waiting"]) for row in rows]

    async def due_events(self, webhook_id: UUID, at_most: int) -> Sequence[WaitingEvent]:
        rows = await fetch(self._engine, _DUE_EVENTS, (webhook_id, at_most))
        return [WaitingEvent(*row) for row in rows]
