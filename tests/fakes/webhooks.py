"""Webhooks in memory: inside a unit of work, and as workers and readers see them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from application.webhooks.attempts import LONGEST_RETRY_AFTER, AttemptOutcome, Delivery, WaitingEvent
from application.webhooks.ports import (
    LONGEST_DELIVERY_LEASE,
    DeliveryClaim,
    DeliveryPosition,
    WebhookState,
    WebhookSummary,
)
from application.webhooks.webhook import DISABLED_BY_OWNER, Webhook
from domain.errors import WebhookNotFound

if TYPE_CHECKING:
    from fakes.storage import InMemoryStorage


@dataclass(frozen=True)
class LeasedWebhook:
    """A stored webhook, its lease, and when it was last served."""

    webhook: Webhook
    lease_id: UUID | None = None
    lease_until: datetime | None = None
    served_at: datetime | None = None


@dataclass
class WebhookRows:
    """All that is stored about webhooks; no value in here changes, it is replaced."""

    webhooks: dict[UUID, LeasedWebhook] = field(default_factory=dict)
    waiting: dict[tuple[UUID, str], WaitingEvent] = field(default_factory=dict)
    deliveries: list[tuple[UUID, UUID, Delivery]] = field(default_factory=list)

    def copy(self) -> "WebhookRows":
        return WebhookRows(dict(self.webhooks), dict(self.waiting), list(self.deliveries))

    def waiting_for(self, webhook_id: UUID) -> list[WaitingEvent]:
        found = [event for (id, _), event in self.waiting.items() if id == webhook_id]
        return sorted(found, key=lambda event: (event.next_attempt_at, event.id))


class InMemoryWebhookRepository:
    """See `WebhookRepository`."""

    def __init__(self, rows: WebhookRows, reach: Callable[[], None]) -> None:
        self._rows = rows
        self._reach = reach

    async def add(self, webhook: Webhook) -> None:
        self._reach()
        self._rows.webhooks[webhook.id] = LeasedWebhook(replace(webhook))

    async def count(self) -> int:
        self._reach()
        return len(self._rows.webhooks)

    async def get(self, webhook_id: UUID) -> Webhook:
        self._reach()
        if webhook_id not in self._rows.webhooks:
            raise WebhookNotFound(webhook_id)
        return replace(self._rows.webhooks[webhook_id].webhook)

    async def hold(self, lease_id: UUID, webhook_id: UUID) -> Webhook | None:
        self._reach()
        row = self._rows.webhooks.get(webhook_id)
        return replace(row.webhook) if row is not None and row.lease_id == lease_id else None

    async def save(self, webhook: Webhook) -> None:
        self._reach()
        rows = self._rows.webhooks
        rows[webhook.id] = replace(rows[webhook.id], webhook=replace(webhook))

    async def release(self, webhook: Webhook) -> None:
        self._reach()
        rows = self._rows.webhooks
        rows[webhook.id] = replace(rows[webhook.id], lease_id=None, lease_until=None)

    async def remove(self, webhook: Webhook) -> None:
        self._reach()
        del self._rows.webhooks[webhook.id]
        await self.settle(webhook.id, [event.id for event in self._rows.waiting_for(webhook.id)])

    async def wait(self, webhook_id: UUID, *events: WaitingEvent) -> None:
        self._reach()
        assert len({event.id for event in events}) == len(events)
        self._rows.waiting.update({(webhook_id, event.id): event for event in events})

    async def settle(self, webhook_id: UUID, event_ids: Collection[str]) -> None:
        self._reach()
        for event_id in event_ids:
            self._rows.waiting.pop((webhook_id, event_id), None)

    async def forget_pings(self, webhook_id: UUID) -> None:
        waiting = self._rows.waiting_for(webhook_id)
        await self.settle(webhook_id, [event.id for event in waiting if event.is_ping])

    async def log(self, webhook_id: UUID, *deliveries: Delivery) -> None:
        self._reach()
        self._rows.deliveries += [(webhook_id, uuid4(), delivery) for delivery in deliveries]


@dataclass(frozen=True)
class InMemoryDueWebhooks:
    """See `DueWebhooks`."""

    storage: "InMemoryStorage"

    async def claim(self, lease: timedelta, at_most: int) -> Sequence[DeliveryClaim]:
        self.storage.reach()
        rows, now = self.storage.rows.webhooks, self.storage.clock()
        due = [row for row in rows.webhooks.values() if self._is_due(row, now)]
        due.sort(key=lambda row: (row.served_at is not None, row.served_at))
        lease_id, claims = uuid4(), []
        for row in due[:at_most]:
            webhook = row.webhook
            rows.webhooks[webhook.id] = LeasedWebhook(webhook, lease_id, now + lease, now)
            claims.append(DeliveryClaim(lease_id, now, replace(webhook), len(rows.waiting_for(webhook.id))))
        return claims

    async def due_events(self, webhook_id: UUID, at_most: int) -> Sequence[WaitingEvent]:
        self.storage.reach()
        waiting = self.storage.rows.webhooks.waiting_for(webhook_id)
        return [event for event in waiting if event.next_attempt_at <= self.storage.clock()][:at_most]

    def _is_due(self, row: LeasedWebhook, now: datetime) -> bool:
        webhook, events = row.webhook, self.storage.rows.events
        leased = row.lease_until is not None and now < row.lease_until <= now + LONGEST_DELIVERY_LEASE
        held = webhook.not_before is not None and now < webhook.not_before <= now + 2 * LONGEST_RETRY_AFTER
        behind = bool(events) and webhook.position < events[-1].position
        waiting = self.storage.rows.webhooks.waiting_for(webhook.id)
        return webhook.enabled and not (leased or held) and (behind or any(e.next_attempt_at <= now for e in waiting))


@dataclass(frozen=True)
class InMemoryWebhookReader:
    """See `WebhookReader`."""

    storage: "InMemoryStorage"

    async def list(self) -> Sequence[WebhookState]:
        self.storage.reach()
        stored = [row.webhook for row in self.storage.rows.webhooks.webhooks.values()]
        return [self._state(each) for each in sorted(stored, key=lambda webhook: (webhook.created_at, webhook.id))]

    async def get(self, webhook_id: UUID) -> WebhookState:
        for state in await self.list():
            if state.webhook.id == webhook_id:
                return state
        raise WebhookNotFound(webhook_id)

    async def deliveries(
        self, webhook_id: UUID, outcome: AttemptOutcome | None, limit: int, after: DeliveryPosition | None = None
    ) -> tuple[Sequence[Delivery], DeliveryPosition | None]:
        await self.get(webhook_id)
        of_webhook = [(each.at, id, each) for of, id, each in self.storage.rows.webhooks.deliveries if of == webhook_id]
        found = sorted(
            (row for row in of_webhook if outcome in (None, row[2].outcome)), reverse=True, key=lambda r: r[:2]
        )
        if after is not None:
            found = [row for row in found if row[:2] < (after.at, after.id)]
        last = DeliveryPosition(*found[limit - 1][:2]) if len(found) > limit else None
        return [row[2] for row in found[:limit]], last

    async def summary(self) -> WebhookSummary:
        stored = [state.webhook for state in await self.list()]
        enabled = [each for each in stored if each.enabled]
        reasons = [each.disabled_reason for each in stored if not each.enabled]
        return WebhookSummary(
            len(enabled),
            len(reasons),
            sum(reason != DISABLED_BY_OWNER for reason in reasons),
            sum(each.failures > 0 for each in enabled),
            len(self.storage.rows.webhooks.waiting),
            timedelta(0),
        )

    def _state(self, webhook: Webhook) -> WebhookState:
        waiting = self.storage.rows.webhooks.waiting_for(webhook.id)
        next_attempt_at = min((event.next_attempt_at for event in waiting), default=None)
        return WebhookState(replace(webhook), len(waiting), next_attempt_at)


@dataclass(frozen=True)
class InMemoryWebhookUpkeep:
    """The delivery log kept in memory needs no room, and is never dropped."""

    storage: "InMemoryStorage"

    async def prepare(self) -> None:
        self.storage.reach()

    async def drop_expired(self) -> int:
        self.storage.reach()
        return 0
