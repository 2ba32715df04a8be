"""Answers about webhooks. Only the ones that make a secret show it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

import msgspec

from application.webhooks.management import NewSecret
from application.webhooks.ports import WebhookState
from domain.event import EventType


class WebhookResponse(msgspec.Struct, frozen=True):
    """A webhook. `failures` are failed attempts in a row, `waiting` events that wait for another attempt.

    `position` is how far the log was sent; `next_attempt_at` is when the next of the waiting events is sent.
    """

    id: UUID
    url: str
    types: Sequence[EventType] | None
    product_ids: Sequence[UUID] | None
    description: str
    state: Literal["enabled", "disabled"]
    disabled_reason: str | None
    created_at: datetime
    position: str
    failures: int
    failing_since: datetime | None
    waiting: int
    next_attempt_at: datetime | None
    previous_secret_until: datetime | None

    @classmethod
    def of(cls, state: WebhookState) -> Self:
        """Return the answer about this webhook."""
        webhook = state.webhook
        return cls(
            id=webhook.id,
            url=webhook.url,
            types=None if webhook.types is None else sorted(webhook.types),
            product_ids=None if webhook.product_ids is None else sorted(webhook.product_ids),
            description=webhook.description,
            state="enabled" if webhook.enabled else "disabled",
            disabled_reason=webhook.disabled_reason,
            created_at=webhook.created_at,
            position=webhook.position.cursor,
            failures=webhook.failures,
            failing_since=webhook.failing_since,
            waiting=state.waiting,
            next_attempt_at=state.next_attempt_at if webhook.enabled else None,
            previous_secret_until=webhook.previous_until,
        )


class NewWebhookResponse(WebhookResponse, frozen=True):
    """A new webhook with its secret, which is shown this once."""

    secret: str

    @classmethod
    def made(cls, made: NewSecret) -> Self:
        """Return the answer that shows the secret."""
        shown = WebhookResponse.of(WebhookState(made.webhook, 0, None))
        return cls(**msgspec.structs.asdict(shown), secret=made.secret)

    def __repr__(self) -> str:
        """Show no secret."""
        return "NewWebhookResponse(…)"


class SecretResponse(msgspec.Struct, frozen=True):
    """A new secret, which is shown this once; the one before it signs until the given time, too."""

    secret: str
    previous_secret_until: datetime | None

    def __repr__(self) -> str:
        """Show no secret."""
        return "SecretResponse(…)"


class WebhooksResponse(msgspec.Struct, frozen=True):
    """Up to 100 webhooks, the oldest first."""

    items: Sequence[WebhookResponse]
