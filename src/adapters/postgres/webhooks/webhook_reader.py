"""Webhooks and their deliveries, as readers see them, on PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from adapters.postgres.connection import open_session
from adapters.postgres.webhooks.mapping import read_webhook
from adapters.postgres.webhooks.rows import WebhookRow, webhook_delivery, webhook_waiting
from application.webhooks.attempts import AttemptOutcome, Delivery
from application.webhooks.ports import DeliveryPosition, WebhookState, WebhookSummary
from application.webhooks.webhook import DISABLED_BY_OWNER
from domain.errors import WebhookNotFound

_of_webhook = webhook_waiting.c.webhook_id == WebhookRow.id
_STATES: Select[Any] = select(
    WebhookRow,
    select(func.count()).where(_of_webhook).scalar_subquery().label("waiting"),
    select(func.min(webhook_waiting.c.next_attempt_at)).where(_of_webhook).scalar_subquery().label("next_attempt_at"),
).order_by(WebhookRow.created_at, WebhookRow.id)
_SUMMARY = text("""
    SELECT count(*) FILTER (WHERE enabled) AS enabled, count(*) FILTER (WHERE NOT enabled) AS disabled,
        count(*) FILTER (WHERE NOT enabled AND disabled_reason <> :by_owner) AS given_up,
        count(*) FILTER (WHERE enabled AND failures > 0) AS failing,
        (SELECT count(*) FROM webhook_waiting) AS waiting,
        coalesce(max(behind.age) FILTER (WHERE enabled), interval '0') AS behind
    FROM webhook LEFT JOIN LATERAL (
        SELECT clock_timestamp() - recorded_at AS age FROM event
        WHERE (event.generation, event.transaction, event.number)
            > (webhook.generation, webhook.transaction, webhook.number)
        AND recorded_at < now() + INTERVAL '2 days'
        ORDER BY event.generation, event.transaction, event.number LIMIT 1
    ) AS behind ON true
""")


class SqlAlchemyWebhookReader:
    """See `WebhookReader`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self) -> Sequence[WebhookState]:
        async with open_session(self._engine) as session:
            return [_read(row) for row in (await session.execute(_STATES)).all()]

    async def get(self, webhook_id: UUID) -> WebhookState:
        async with open_session(self._engine) as session:
            return await _get(session, webhook_id)

    async def deliveries(
        self, webhook_id: UUID, outcome: AttemptOutcome | None, limit: int, after: DeliveryPosition | None = None
    ) -> tuple[Sequence[Delivery], DeliveryPosition | None]:
        of = webhook_delivery.c
        wanted = select(webhook_delivery).where(of.webhook_id == webhook_id)
        if outcome is not None:
            wanted = wanted.where(of.outcome == outcome.value)
        if after is not None:
            # The first is implied by the second, and leaves out whole days.
            wanted = wanted.where(of.at <= after.at, tuple_(of.at, of.id) < (after.at, after.id))
        async with open_session(self._engine) as session:
            await _get(session, webhook_id)
            rows = (await session.execute(wanted.order_by(of.at.desc(), of.id.desc()).limit(limit + 1))).all()
        last = DeliveryPosition(rows[limit - 1].at, rows[limit - 1].id) if len(rows) > limit else None
        return [_read_delivery(row) for row in rows[:limit]], last

    async def summary(self) -> WebhookSummary:
        async with open_session(self._engine) as session:
            row = (await session.execute(_SUMMARY, {"by_owner": DISABLED_BY_OWNER})).one()
        return WebhookSummary(
            row.enabled, row.disabled, row.given_up, row.failing, row.waiting, max(row.behind, timedelta(0))
        )


async def _get(session: AsyncSession, webhook_id: UUID) -> WebhookState:
    row = (await session.execute(_STATES.where(WebhookRow.id == webhook_id))).one_or_none()
    if row is None:
        raise WebhookNotFound(webhook_id)
    return _read(row)


def _read(row: Any) -> WebhookState:
    return WebhookState(read_webhook(row.WebhookRow), row.waiting, row.next_attempt_at)


def _read_delivery(row: Any) -> Delivery:
    return Delivery(
        event_id=row.event_id,
        type=row.type,
        at=row.at,
        number=row.number,
        outcome=AttemptOutcome(row.outcome),
        status=row.status,
        error=row.error,
        answer=row.answer,
        milliseconds=row.milliseconds,
        next_attempt_at=row.next_attempt_at,
    )
