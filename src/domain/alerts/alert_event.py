"""Events of alerts, for the same event log as the events of prices."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from domain.alerts.alert import Transition, TransitionKind
from domain.alerts.condition import Value
from domain.event import Event, EventType


def alert_changed(alert_id: UUID, name: str, product_id: UUID, transition: Transition) -> Event:
    """An alert began to fire for a product, or ceased to, and `reason` says why."""
    fired = transition.kind is TransitionKind.FIRING
    data: Mapping[str, object] = {
        "alert": {"id": alert_id, "name": name},
        "value": _number(transition.value),
        "threshold": _number(transition.threshold),
        "since": transition.since,
    }
    if not fired:
        data = {**data, "reason": transition.reason}
    return Event(EventType.ALERT_FIRING if fired else EventType.ALERT_RESOLVED, product_id, transition.at, data)


def _number(value: Value) -> int | float | None:
    return float(value) if isinstance(value, Decimal) else value
