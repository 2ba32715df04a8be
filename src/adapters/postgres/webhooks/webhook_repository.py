"""Webhooks inside a unit of work on PostgreSQL."""

from collections.abc import Collection
from functools import cached_property
from typing import Any
from uuid import UUID

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import Column, any_, bindparam, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY, Insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.webhooks.mapping import columns_of, read_webhook
from adapters.postgres.webhooks.rows import WebhookRow, webhook_delivery, webhook_waiting
from application.webhooks.attempts import PING, Delivery, WaitingEvent
from application.webhooks.webhook import Webhook
from domain.errors import WebhookNotFound

# Batches are one statement, however many rows there are.
_WAITING: tuple[Column[Any], ...] = tuple(webhook_waiting.c)
_waiting = Insert(webhook_waiting).from_select([each.name for each in _WAITING], select(*unnested(*_WAITING).c))
_WAIT = _waiting.on_conflict_do_update(
    index_elements=[webhook_waiting.c.webhook_id, webhook_waiting.c.event_id],
    set_={name: _waiting.excluded[name] for name in ("attempts", "next_attempt_at")},
)
_LOGGED: tuple[Column[Any], ...] = tuple(each for each in webhook_delivery.c if each.name != "id")
_LOG = insert(webhook_delivery).from_select(
    [*(each.name for each in _LOGGED), "id"], select(*unnested(*_LOGGED).c, func.gen_random_uuid())
)
_SETTLE = delete(webhook_waiting).where(
    webhook_waiting.c.webhook_id == bindparam("webhook"),
    webhook_waiting.c.event_id == any_(bindparam("events", type_=ARRAY(Text))),
)
_ONE_ADDS = text("SELECT pg_advisory_xact_lock(hashtext('product-aggregator webhooks'))")


class _Rows(SQLAlchemyAsyncRepository[WebhookRow]):
    model_type = WebhookRow


class SqlAlchemyWebhookRepository:
    """See `WebhookRepository`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked: dict[UUID, WebhookRow] = {}

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(session=self._session, wrap_exceptions=False, auto_refresh=False)

    async def add(self, webhook: Webhook) -> None:
        await self._rows.add(WebhookRow(**columns_of(webhook)))

    async def count(self) -> int:
        await self._session.execute(_ONE_ADDS)
        return await self._rows.count()

    async def get(self, webhook_id: UUID) -> Webhook:
        row = await self._rows.get_one_or_none(with_for_update=True, id=webhook_id)
        if row is None:
            raise WebhookNotFound(webhook_id)
        self._locked[webhook_id] = row
        return read_webhook(row)

    async def hold(self, lease_id: UUID, webhook_id: UUID) -> Webhook | None:
        row = await self._rows.get_one_or_none(with_for_update=True, id=webhook_id, lease_id=lease_id)
        if row is None:
            return None
        self._locked[webhook_id] = row
        return read_webhook(row)

    async def save(self, webhook: Webhook) -> None:
        row = self._locked[webhook.id]
        for name, value in columns_of(webhook).items():
            setattr(row, name, value)
        await self._session.flush()

    async def release(self, webhook: Webhook) -> None:
        row = self._locked[webhook.id]
        row.lease_id = row.lease_until = None
        await self._session.flush()

    async def remove(self, webhook: Webhook) -> None:
        await self._session.execute(delete(webhook_waiting).where(webhook_waiting.c.webhook_id == webhook.id))
        await self._session.delete(self._locked.pop(webhook.id))
        await self._session.flush()

    async def wait(self, webhook_id: UUID, *events: WaitingEvent) -> None:
        if events:
            rows = [(webhook_id, each.id, each.type, each.body, each.attempts, each.next_attempt_at) for each in events]
            await self._session.execute(_WAIT, arrays(_WAITING, rows))

    async def settle(self, webhook_id: UUID, event_ids: Collection[str]) -> None:
        if event_ids:
            await self._session.execute(_SETTLE, {"webhook": webhook_id, "events": list(event_ids)})

    async def forget_pings(self, webhook_id: UUID) -> None:
        of_webhook = webhook_waiting.c.webhook_id == webhook_id
        await self._session.execute(delete(webhook_waiting).where(of_webhook, webhook_waiting.c.type == PING))

    async def log(self, webhook_id: UUID, *deliveries: Delivery) -> None:
        if deliveries:
            rows = [_columns(webhook_id, each) for each in deliveries]
            await self._session.execute(_LOG, arrays(_LOGGED, rows))


def _columns(webhook_id: UUID, delivery: Delivery) -> tuple[Any, ...]:
    return (
        webhook_id,
        delivery.at,
        delivery.event_id,
        delivery.type,
        delivery.number,
        delivery.outcome.value,
        delivery.status,
        delivery.error,
        delivery.answer,
        delivery.milliseconds,
        delivery.next_attempt_at,
    )
