"""Webhooks as rows, and back."""

from typing import Any

from adapters.postgres.webhooks.rows import WebhookRow
from application.events.event_log import Position
from application.webhooks.webhook import Webhook
from domain.event import EventType

_SAME = (
    *("id", "url", "description", "created_at", "secret", "enabled", "disabled_reason", "previous_secret"),
    *("previous_until", "failures", "failing_since", "not_before"),
)
_READ = (*_SAME, "types", "product_ids", *Position._fields)


def columns_of(webhook: Webhook) -> dict[str, Any]:
    """Return the values of a webhook's columns, apart from those of its lease."""
    return {name: getattr(webhook, name) for name in _SAME} | {
        "types": None if webhook.types is None else sorted(webhook.types),
        "product_ids": None if webhook.product_ids is None else sorted(webhook.product_ids),
        **webhook.position._asdict(),
    }


def read_webhook(row: WebhookRow) -> Webhook:
    """Return the webhook of a mapped row."""
    return read_columns({name: getattr(row, name) for name in _READ})


def read_columns(row: Any) -> Webhook:
    """Return the webhook of a row's columns, by their names."""
    return Webhook(
        **{name: row[name] for name in _SAME},
        types=None if row["types"] is None else frozenset(map(EventType, row["types"])),
        product_ids=None if row["product_ids"] is None else frozenset(row["product_ids"]),
        position=Position(row["generation"], row["transaction"], row["number"]),
    )
