"""The schemas of all events, from the AsyncAPI description: what any test emits must be as it says."""

from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from domain.event import EventType
from entrypoints.http.events.async_description import DESCRIPTION


@cache
def _validator(kind: str) -> jsonschema_rs.Validator:
    description = msgspec.json.decode(DESCRIPTION)
    (name,) = (name for name, message in description["components"]["messages"].items() if message["name"] == kind)
    schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def check_event(json: bytes) -> None:
    """Hold an event to its schema.

    Raises:
        jsonschema_rs.ValidationError
    """
    event: dict[str, Any] = msgspec.json.decode(json)
    _validator(event["type"]).validate(event)


_SINCE = "2026-03-14T12:00:00Z"
_STEP = {"price": 5, "state": "in_stock", "since": _SINCE}
_ALERT = {
    "alert": {"id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11", "name": "Low"},
    "value": 4,
    "threshold": 5,
    "since": _SINCE,
}
_WEBHOOK = {"id": "2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11", "url": "https://shop.example/hook"}


def sample_data(kind: EventType, name: str = "x") -> dict[str, Any]:
    """Return the schema of an event of this type; events of products carry the name, or have it as a detail."""
    match kind:
        case EventType.PRODUCT_CREATED | EventType.PRODUCT_AMENDED:
            return {"name": name, "description": "", "revision": 1}
        case EventType.PRODUCT_WITHDRAWN:
            return {"name": name}
        case EventType.PRODUCT_REGISTERED | EventType.PRODUCT_REJECTED | EventType.PRODUCT_CONFLICT:
            return {"detail": name}
        case EventType.PRICE_CHANGED:
            return {"previous": None, "current": {**_STEP, "offer_id": None}, "unknown_since": None}
        case EventType.ALERT_FIRING:
            return _ALERT
        case EventType.ALERT_RESOLVED:
            return {**_ALERT, "reason": "condition"}
        case EventType.WEBHOOK_DISABLED:
            return {"webhook": _WEBHOOK, "reason": "gone"}
