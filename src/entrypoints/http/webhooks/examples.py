"""Example answers about webhooks for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from application.webhooks.attempts import AttemptOutcome, Delivery
from domain.event import EventType
from entrypoints.http.route_declarations import answer

_CREATED = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_LATER = _CREATED + timedelta(days=2)
_SHOWN_ONCE = "whsec_…"
_WEBHOOK: dict[str, Any] = {
    "id": UUID("8c1f6f0e-52f5-4b43-8a3b-0f7a3ad6c7f2"),
    "url": "https://shop.example/hooks/prices",
    "types": [EventType.PRICE_CHANGED],
    "product_ids": None,
    "description": "Shop window",
    "state": "enabled",
    "disabled_reason": None,
    "created_at": _CREATED,
    "position": "1-2f3-0",
    "failures": 0,
    "failing_since": None,
    "waiting": 0,
    "next_attempt_at": None,
    "previous_secret_until": None,
}
_FAILING = _WEBHOOK | {
    "position": "1-2f7-0",
    "failures": 2,
    "failing_since": _LATER,
    "waiting": 1,
    "next_attempt_at": _LATER + timedelta(minutes=5, seconds=12),
}
_FAILED = Delivery(
    event_id="1-2f6-9c",
    type=EventType.PRICE_CHANGED.value,
    at=_LATER + timedelta(seconds=5),
    number=2,
    outcome=AttemptOutcome.FAILED,
    status=502,
    error="HTTP 502",
    answer="Bad gateway",
    milliseconds=84,
    next_attempt_at=_LATER + timedelta(minutes=5, seconds=12),
)


def created(model: Any) -> Any:
    """Describe the answer that shows a new webhook."""
    return answer(model, "The webhook with its secret, shown this once", model(**_WEBHOOK, secret=_SHOWN_ONCE))


def shown(model: Any) -> Any:
    """Describe the answer about one."""
    return answer(model, "The webhook", model(**_FAILING))


def listed(model: Any) -> Any:
    """Describe the list."""
    return answer(model, "The webhooks", {"items": [_FAILING]})


def rotated(model: Any) -> Any:
    """Describe the answer that shows a new secret."""
    return answer(model, "The new secret, shown this once", model(_SHOWN_ONCE, _LATER + timedelta(days=1)))


def pinged(model: Any) -> Any:
    """Describe the answer to a ping."""
    return answer(model, "A ping is about to be sent", model("ping-4f9a6b1e-0a4f-4df1-9a0c-6ad5f4a5a2ce"))


def replayed(model: Any) -> Any:
    """Describe the answer to a replay."""
    return answer(model, "The events are about to be sent again", model("1-2f3-9c"))


def deliveries(model: Any) -> Any:
    """Describe a page."""
    return answer(model, "One page", model([_FAILED], "hG1pZAxk…"))
