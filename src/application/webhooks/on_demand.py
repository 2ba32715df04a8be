"""Deliveries that a webhook's owner asks for: a ping, and earlier events once more."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from application.access.actor import Actor
from application.access.audit import Action, AuditEntry, Subject
from application.events.event_log import EventFilter, EventReader, EventsExpired, Position
from application.unit_of_work import BeginWork
from application.webhooks.attempts import PING, WaitingEvent
from domain.errors import WebhookDisabled

BEGINNING = Position(0, 0, 0)
"""Before every event that there ever was."""
NOTHING = EventFilter(frozenset())
"""So that a position is checked, and no event read."""


@dataclass(frozen=True, slots=True)
class PingWebhook:
    """Send one event that says nothing, to try a receiver out."""

    begin: BeginWork

    async def __call__(self, webhook_id: UUID, *, actor: Actor) -> str:
        """Let a ping wait for a worker, in the place of one that waits already, and return its id.

        Raises:
            WebhookNotFound, WebhookDisabled
        """
        async with self.begin() as work:
            webhook = await work.webhooks.get(webhook_id)
            if not webhook.enabled:
                raise WebhookDisabled
            ping = _ping(webhook_id, await work.now())
            await work.webhooks.forget_pings(webhook_id)
            await work.webhooks.wait(webhook_id, ping)
            webhook.not_before = None
            await work.webhooks.save(webhook)
            after = {"event_id": ping.id}
            await work.audit.append(AuditEntry(actor, Action.WEBHOOK_PINGED, Subject.webhook(webhook_id), after=after))
            await work.commit()
        return ping.id


@dataclass(frozen=True, slots=True)
class ReplayEvents:
    """Send everything since a position again."""

    begin: BeginWork
    events: EventReader

    async def __call__(self, webhook_id: UUID, after: Position | None, *, actor: Actor) -> Position:
        """Move the webhook back to a position, never forward, clear its `not_before`, and return its position.

        None stands for the position before all events that are kept.

        Raises:
            WebhookNotFound, WebhookDisabled
            EventsExpired: events behind the position are no longer kept.
        """
        after = await self._oldest() if after is None else after
        await self.events.read(after, NOTHING, limit=1)
        async with self.begin() as work:
            webhook = await work.webhooks.get(webhook_id)
            if not webhook.enabled:
                raise WebhookDisabled
            before, webhook.position = webhook.position, min(webhook.position, after)
            webhook.not_before = None
            await work.webhooks.save(webhook)
            was, now = {"position": before.cursor}, {"position": webhook.position.cursor}
            entry = AuditEntry(actor, Action.WEBHOOK_REPLAYED, Subject.webhook(webhook_id), was, now)
            await work.audit.append(entry)
            await work.commit()
        return webhook.position

    async def _oldest(self) -> Position:
        try:
            await self.events.read(BEGINNING, NOTHING, limit=1)
        except EventsExpired as expired:
            return expired.oldest
        return BEGINNING


def _ping(webhook_id: UUID, at: datetime) -> WaitingEvent:
    ping_id = f"ping-{uuid4()}"
    event = {
        "specversion": "1.0",
        "id": ping_id,
        "source": "/webhooks",
        "type": PING,
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {"webhook": {"id": str(webhook_id)}},
    }
    return WaitingEvent(ping_id, PING, json.dumps(event).encode(), 0, at)
